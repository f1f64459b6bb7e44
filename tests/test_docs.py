"""The documents say what the code does: every name in them exists, every name there is in them."""

import ast
import importlib
import itertools
import re
import shlex
from pathlib import Path
from typing import cast

import pytest
import typer.core
import typer.main
from typer.testing import CliRunner

from model.pictures import limits
from service.__main__ import app
from service.app import create_app
from service.http.api_keys import OPEN_PATHS, PAGE_FILES
from service.options import MapOptions, RestoreOptions
from service.settings import Settings
from tools.fakes import metric_families

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = (ROOT / "docs" / "commands.md").read_text()
ADAPTERS = (ROOT / "docs" / "adapters.md").read_text()
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", README + ADAPTERS, flags=re.DOTALL))
MAKE_TARGETS = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


def test_the_table_of_settings_is_that_of_the_code():
    expected = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, ()) else f"`{field.default}`"
        option = f"--{name.replace('_', '-')}"
        expected.append(
            f"| `{option}` | `ABAIR_{name.upper()}` | {default} | {field.description} |"
        )
    assert [row for row in CONFIGURATION.splitlines() if row.startswith("| `--")] == expected


def test_the_table_of_metrics_is_that_of_the_code():
    suffixes = {"counter": "_total", "info": "_info"}
    families = metric_families()
    names = {
        family.name + suffixes.get(family.type, "")
        for family in families
        if family.name.startswith("restore_")
    }
    assert set(re.findall(r"^\| `(restore_\w+)`", CONFIGURATION, flags=re.MULTILINE)) == names


def test_the_table_of_limits_is_that_of_the_code():
    body = ast.parse((ROOT / "model" / "pictures" / "limits.py").read_text()).body
    expected = []
    for assigned, said in itertools.pairwise(body):
        if isinstance(assigned, ast.Assign):
            (name,), text = assigned.targets, ast.literal_eval(cast("ast.Expr", said).value)
            value = getattr(limits, cast("ast.Name", name).id)
            expected.append(f"| `{cast('ast.Name', name).id}` | {value:,} | {text} |")
    assert [row for row in CONFIGURATION.splitlines() if row.startswith("| `MAX_")] == expected


def test_every_endpoint_is_in_the_readme_and_no_other():
    paths = create_app(Settings()).openapi()["paths"]
    served = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    told = set(re.findall(r"^\| `((?:GET|POST) [^`]+)`", README, flags=re.MULTILINE))
    assert told - {"GET /openapi.json", "GET /", "GET /docs"} == served


def test_the_open_paths_in_the_security_page_are_those_of_the_code():
    security = (ROOT / "SECURITY.md").read_text()
    (told,) = re.findall(r"\*\*Open paths\*\*, which need no key: (.*?)\. ", security, re.DOTALL)
    assert set(re.findall(r"`(/[^`]*)`", told)) == OPEN_PATHS | {PAGE_FILES}


@pytest.mark.parametrize(
    ("path", "options"), [("/restore", RestoreOptions), ("/degradation-map", MapOptions)]
)
def test_every_option_of_an_endpoint_is_in_the_readme_and_no_other(path, options):
    table = README.split(f"Options of `{path}`:")[1].split("\n\n")[1]
    expected = [field.alias or name for name, field in options.model_fields.items()]
    assert re.findall(r"^\| `(\w+)`", table, flags=re.MULTILINE) == expected


def test_every_make_target_is_in_the_readme_and_no_other():
    assert set(re.findall(r"make ([a-z-]+)", README)) == set(MAKE_TARGETS)


def test_every_phony_target_is_told_by_help():
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    assert sorted(phony.split()) == sorted(MAKE_TARGETS)


def commands() -> list[list[str]]:
    lines = (shlex.split(line, comments=True) for line in SHELL.splitlines())
    return [words[1:] for words in lines if words and words[0] == "abair"]


def command_names() -> list[str]:
    return re.findall(r"^\| `abair ([a-z ]+)`", COMMANDS, flags=re.MULTILINE)


def check_command(words: list[str]) -> None:
    names = [word for word in words if not word.startswith("-")]
    depth = 2 if names[0] == "adapter" else 1
    result = CliRunner().invoke(app, [*names[:depth], "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    options = {word for word in words if word.startswith("--")}
    defined = result.output.split(" Examples ")[0]
    assert options <= set(re.findall(r"--[\w-]+", defined)), words


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_and_option_in_the_documents_exists(words):
    check_command(words)


def test_the_table_of_commands_is_that_of_the_code():
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    names = set(group.commands)
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            names |= {f"{name} {inner}" for inner in command.commands}
            names.discard(name)
    told = re.findall(r"^\| `abair ([a-z ]+)`", COMMANDS, flags=re.MULTILINE)
    assert sorted(told) == sorted(names)


def test_every_commands_help_gives_examples_that_are_commands():
    for words in [["--help"], *([*name.split(), "--help"] for name in command_names())]:
        result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output
        shown = re.findall(r"• (?:[A-Z_]+=\S+ )?abair (.*?) *$", result.output, flags=re.MULTILINE)
        assert shown, f"no example in: {words}"
        for example in shown:
            check_command(shlex.split(example))


def test_every_exit_code_in_the_table_is_told_by_the_commands_help():
    for name, codes in re.findall(
        r"^\| `abair ([a-z ]+)` \|.*\| ([^|]*) \|$", COMMANDS, re.MULTILINE
    ):
        help_text = (
            CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200"}).output
        )
        for code in re.findall(r"\b\d+\b", codes):
            assert re.search(rf"Exit codes:.*\b{code}\b", help_text), (name, code)


def test_the_readme_shows_commands():
    assert {words[0] for words in commands()} >= {"serve", "restore", "evaluate", "train"}


@pytest.mark.parametrize("document", [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], ids=str)
def test_every_link_inside_the_project_leads_somewhere(document: Path):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text())
    inside = [link for link in links if not re.match(r"https?:", link)]
    assert [link for link in inside if not (document.parent / link).exists()] == []


def headings(document: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a document."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], ids=str)
def test_every_link_to_a_heading_names_one(document: Path):
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", document.read_text())
    targets = [(document.parent / path if path else document, anchor) for path, anchor in links]
    assert [target for target in targets if target[1] not in headings(target[0])] == []


def test_every_lesson_that_a_comment_cites_exists():
    sources = [*ROOT.glob("model/**/*.py"), *ROOT.glob("service/**/*.py")]
    text = "".join(source.read_text() for source in sources)
    cited = set(re.findall(r"docs/lessons\.md#([\w-]+)", text))
    assert cited
    assert cited - headings(ROOT / "docs" / "lessons.md") == set()


def test_the_page_of_lessons_is_short():
    assert len((ROOT / "docs" / "lessons.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize(
    "package", ["model", "model.degradations", "model.evaluation", "model.cli"]
)
def test_all_exported_names_exist(package):
    module = importlib.import_module(package)
    assert len(set(module.__all__)) == len(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_contributing_is_short():
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) <= 60
