"""What the container tests are made of, where no container can run."""

import subprocess

from tools.containers import engine, images


def test_a_missing_program_is_named_with_how_to_install_it(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(engine, "PROGRAMS", {"no-such-program": "its-package"})
    assert engine.why_not().startswith("Debian's its-package")
    assert "make container-engine" in engine.why_not()


def test_without_root_it_says_so(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "root" in engine.why_not()


def test_pips_settings_reach_the_build_and_local_folders_are_mounted(monkeypatch, tmp_path):
    listed = (
        f"global.find-links='{tmp_path}'\n:env:.find-links='{tmp_path}'\n"
        "global.extra-index-url='file:///somewhere'\nglobal.cert='/etc/bundle.crt'\n"
        "global.index-url='https://packages.example/simple'\n"
    )
    done = subprocess.CompletedProcess([], 0, stdout=listed)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    text, mounts, wheels = images.pip_settings()
    assert text.splitlines() == [
        "[global]",
        f"find-links = {tmp_path}",
        "cert = /etc/bundle.crt",
        "index-url = https://packages.example/simple",
    ]
    assert mounts == [str(tmp_path), "/etc/bundle.crt"]
    assert wheels == [tmp_path]


def test_the_images_that_stand_in_are_asked_for_by_the_names_in_the_files():
    assert images.default(images.DOCKERFILE, r"^ARG BASE=(\S+)$").startswith("python:3.11")
    pattern = r"\$\{ABAIR_%s_IMAGE:-([^}]+)\}"
    assert images.default(images.COMPOSE_FILE, pattern % "BALANCER").startswith("haproxy:3.2")
    assert images.default(images.COMPOSE_FILE, pattern % "PROMETHEUS").startswith("prom/")
