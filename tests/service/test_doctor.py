import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from model.storage.tensor_file import read_tensors
from service.__main__ import app
from service.doctor import examine
from service.settings import Settings
from tests.model.cli.conftest import weights

__all__ = ["weights"]


def doctor(*arguments: object, code: int = 0, env: dict[str, str] | None = None) -> dict[str, Any]:
    words = ["doctor", "--json", *(str(argument) for argument in arguments)]
    result = CliRunner().invoke(app, words, env=env)
    assert result.exit_code == code, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def found(report: dict[str, Any], name: str) -> dict[str, Any]:
    (finding,) = (one for one in report["findings"] if one["name"] == name)
    assert isinstance(finding, dict)
    return finding


def test_a_machine_that_can_serve_is_told_so(weights: Path):
    report = doctor("--model-path", weights, "--port", 0)
    assert report["can_serve"] is True
    names = {finding["name"] for finding in report["findings"]}
    assert names >= {"python", "torch", "device", "precision", "threads", "weights", "restoring"}
    assert names >= {"codecs", "AVIF", "HEIC", "port", "training"}
    told = found(report, "weights")["found"]
    assert "tiny, sha256 " in told
    assert "adapters: rain, noise" in told
    assert "seconds per megapixel" in found(report, "restoring")["found"]
    assert found(report, "torch")["found"] == torch.__version__


def test_an_adapter_of_a_smoke_run_is_named(weights: Path, tmp_path: Path):
    trial = tmp_path / "trial"
    shutil.copytree(weights, trial)
    assert all(one["name"] != "adapters" for one in doctor("--model-path", trial)["findings"])
    config = trial / "adapters/noise/adapter_config.json"
    about = json.loads(config.read_text())
    about["abair"]["smoke"] = True
    config.write_text(json.dumps(about))
    finding = found(doctor("--model-path", trial, "--port", 0), "adapters")
    assert finding["status"] == "note"
    assert finding["found"].endswith("of no use for pictures: noise")
    assert "abair adapter remove" in finding["remedy"]
    listed = CliRunner().invoke(
        app, ["adapter", "list", "--weights", str(trial)], env={"COLUMNS": "200"}
    )
    rows = [line for line in listed.output.splitlines() if "smoke run" in line]
    assert [row.split()[0] for row in rows] == ["noise"]


def test_the_table_says_what_the_json_says(weights: Path):
    result = CliRunner().invoke(app, ["doctor", "--model-path", str(weights), "--port", "0"])
    assert result.exit_code == 0
    assert "It can serve" in result.output
    assert "+ weights" in result.output


def test_a_taken_port_is_a_problem_with_a_remedy(weights: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        report = doctor("--model-path", weights, "--port", port, code=1)
    assert report["can_serve"] is False
    assert found(report, "port")["status"] == "problem"
    assert "--port 0" in found(report, "port")["remedy"]
    assert found(doctor("--model-path", weights, "--port", port), "port")["status"] == "ok"


def test_an_address_of_another_machine_is_a_problem(weights: Path):
    report = doctor("--model-path", weights, "--host", "192.0.2.1", "--port", 0, code=1)
    assert "address of this machine" in found(report, "port")["remedy"]


def test_weights_that_are_not_there_are_a_problem(tmp_path: Path):
    report = doctor("--model-path", tmp_path, "--port", 0, code=1)
    assert "no weights at" in found(report, "weights")["found"]
    assert found(report, "weights")["remedy"]
    assert "restoring" not in {finding["name"] for finding in report["findings"]}


def test_weights_with_infinities_are_a_problem(tmp_path: Path, weights: Path):
    tensors, told = read_tensors(weights / "base.safetensors")
    key = sorted(tensors)[0]
    tensors[key] = torch.full_like(tensors[key], float("inf"))
    save_file(tensors, tmp_path / "base.safetensors", {"abair": json.dumps(told)})
    report = doctor("--model-path", tmp_path, "--port", 0, code=1)
    assert "aren't finite" in found(report, "weights")["found"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA card")
def test_a_device_that_is_not_there_is_a_problem(weights: Path):
    report = doctor("--model-path", weights, "--device", "cuda", "--port", 0, code=1)
    assert "no usable NVIDIA GPU" in found(report, "device")["found"]


def test_a_card_that_is_ill_is_a_problem_of_the_device(weights: Path, monkeypatch):
    def fail(_settings: object) -> None:
        raise torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered", 214)

    monkeypatch.setattr("service.doctor.TorchEngine.load", fail)
    report = doctor("--model-path", weights, "--port", 0, code=1)
    assert "ECC" in found(report, "device")["found"]
    assert "nvidia-smi" in found(report, "device")["remedy"]


def test_more_threads_than_cores_are_noted(weights: Path, tmp_path: Path, monkeypatch):
    quota = tmp_path / "cpu.max"
    quota.write_text("50000 100000")
    monkeypatch.setattr("service.device.torch_device._QUOTA", quota)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    report = doctor("--model-path", weights, "--port", 0)
    threads = found(report, "threads")
    assert threads["status"] == "note"
    assert threads["found"] == "4 threads of the model on 0.5 cores"
    assert "--threads 1" in threads["remedy"]


def test_a_public_address_without_keys_is_noted(weights: Path):
    (port,) = (
        one
        for one in examine(Settings(model_path=weights, host="0.0.0.0", port=0))
        if one.name == "port"
    )
    assert (port.status, "ABAIR_API_KEYS" in port.remedy) == ("note", True)


def test_a_public_address_with_keys_from_a_file_is_ok(weights: Path, tmp_path: Path):
    keys = tmp_path / "keys"
    keys.write_text("one\n")
    report = doctor(
        "--model-path",
        weights,
        "--port",
        0,
        env={"ABAIR_API_KEYS_FILE": str(keys), "ABAIR_HOST": "0.0.0.0"},
    )
    assert found(report, "port")["status"] == "ok"


def test_a_variable_that_is_no_setting_is_noted(weights: Path):
    report = doctor("--model-path", weights, "--port", 0, env={"ABAIR_API_KEY": "one"})
    noted = found(report, "settings")
    assert (noted["status"], "did you mean ABAIR_API_KEYS?" in noted["remedy"]) == ("note", True)


def test_wrong_settings_of_the_environment_are_wrong_usage(monkeypatch):
    monkeypatch.setenv("ABAIR_TILE", "small")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 2
    assert "ABAIR_TILE" in result.output
