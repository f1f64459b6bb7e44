from service.answers.answer_format import OFFERED


def test_answers_are_offered_in_the_formats_of_the_web():
    assert list(OFFERED) == ["png", "jpeg", "webp", "avif", "jxl", "npy"]
