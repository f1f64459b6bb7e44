"""The model card of an adapter: front matter of the Hub, then prose."""

from model.model_info import AdapterInfo
from model.training.options import AdapterGain


def adapter_card(
    info: AdapterInfo,
    train_rank: int,
    provenance: dict[str, str],
    measured: AdapterGain | None,
    licence: str,
    draft: str,
) -> str:
    """Write the model card of an adapter.

    Args:
        info: The adapter, with the rank that it is saved with.
        train_rank: Rank that it was trained with.
        provenance: How it was trained: command, steps, hours, data.
        measured: What it gains, or None if that was not measured.
        licence: Terms of its weights.
        draft: Text to begin the card with; a title if empty.

    Returns:
        Markdown.
    """
    cut = "" if train_rank == info.rank else f", cut at the end from rank {train_rank},"
    began = ""
    if "began_as" in provenance:
        began = f"It began as the adapter of sha256 {provenance['began_as'][:12]}.\n"
    gain = "not measured"
    if measured is not None:
        gain = (
            f"{measured.gain_db:+.2f} dB PSNR over the input, "
            f"{measured.over_baseline_db:+.2f} dB over the baseline alone "
            f"(RGB, whole pictures, mean over {', '.join(measured.tasks)})"
        )
    return f"""---
library_name: peft
license: {licence.lower() or "unknown"}
pipeline_tag: image-to-image
tags: [image-restoration, lora, abair]
---
{draft.strip() or f"# ABAIR adapter: {info.title}"}

## How it was trained

Rank-{info.rank} update{cut} of every convolution of the baseline's restoring path, for pictures
damaged by {info.title.lower()}. Trained with the baseline frozen (ABAIR, phase II).

Trained with `{provenance["command"]}`: {provenance["steps"]} steps, {provenance["hours"]} hours,
on {provenance["data"]}.
{began}Gain on pairs that it wasn't trained on, told the task: {gain}.
"""
