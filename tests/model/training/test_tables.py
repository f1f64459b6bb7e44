from model.training.tables import append_row, drop_rows_after, read_rows


def test_rows_are_added_and_read_back(tmp_path):
    path = tmp_path / "losses.csv"
    assert read_rows(path) == []
    for step in (1, 2):
        append_row(path, {"step": step, "seconds": 0.5 * step, "loss": -step / 3})
    assert path.read_text().splitlines() == ["step,seconds,loss", "1,0.5,-0.33333", "2,1,-0.66667"]
    assert [row["step"] for row in read_rows(path)] == [1, 2]


def test_rows_after_the_checkpoint_are_dropped(tmp_path):
    path = tmp_path / "losses.csv"
    for step in range(5):
        append_row(path, {"step": step, "seconds": 1.0})
    drop_rows_after(path, 2)
    assert [row["step"] for row in read_rows(path)] == [0, 1, 2]


def test_a_table_of_other_columns_is_set_aside(tmp_path):
    path = tmp_path / "validation.csv"
    append_row(path, {"step": 7, "seconds": 1.0})
    append_row(path, {"step": 9, "seconds": 2.0, "rain": 30.0})
    assert read_rows(path) == [{"step": 9, "seconds": 2, "rain": 30}]
    assert read_rows(tmp_path / "validation-until-7.csv") == [{"step": 7, "seconds": 1}]
