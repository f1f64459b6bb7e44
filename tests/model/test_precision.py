import pytest
import torch

from model.precision import arithmetic, choose_device, choose_precision


def test_a_wish_is_kept_and_auto_is_one_of_the_two():
    assert choose_precision("fp32", "cpu") == "fp32"
    assert choose_precision("bf16", "cpu") == "bf16"
    assert choose_precision("auto", "cpu") in ("bf16", "fp32")


def test_auto_takes_bf16_only_where_the_processor_has_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert choose_precision("auto", "cpu") == "fp32"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert choose_precision("auto", "cpu") == "bf16"


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="auto, bf16, fp32, got 'fp16'"):
        choose_precision("fp16", "cpu")


def test_convolutions_compute_as_told():
    layer, x = torch.nn.Conv2d(1, 1, 1), torch.ones(1, 1, 2, 2)
    with arithmetic("bf16", "cpu"):
        assert layer(x).dtype == torch.bfloat16
    with arithmetic("fp32", "cpu"):
        assert layer(x).dtype == torch.float32


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_an_explicit_card_that_is_missing_is_an_error():
    with pytest.raises(ValueError, match="cuda"):
        choose_device("cuda")
    assert choose_device("auto") == "cpu"


def test_an_unknown_device_is_an_error():
    with pytest.raises(ValueError, match="one of auto, cpu, cuda"):
        choose_device("tpu")
