"""The ``abair`` command: the model's commands, ``serve``, ``health`` and ``doctor``."""

import inspect
import json
import urllib.error
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from model.cli import app, examples
from model.printable import printable
from service import __version__
from service.settings import Settings

__all__ = ["app", "main"]

_MARKS = {"ok": "+", "note": "!", "problem": "x"}
_PREFIX = Settings.model_config["env_prefix"]


def main() -> None:
    """Run the command line."""
    app()


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"abair {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


def serve(**given: str | None) -> None:
    """Serve restoration over HTTP.

    Every option can also be set by the environment variable that its help names. If both are set,
    the option is used.
    """
    settings = read_settings({name: value for name, value in given.items() if value is not None})
    from service.app import serve as run

    raise typer.Exit(run(settings))


def read_settings(given: dict[str, str]) -> Settings:
    """Make the settings from options, as strings, and from the environment.

    Raises:
        typer.BadParameter: If values cannot be used. It names each option.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic reads the strings
    except ValidationError as error:
        problems = [_message(problem["loc"], problem["msg"]) for problem in error.errors()]
        raise typer.BadParameter("; ".join(problems)) from None  # the cause may hold a key


def health(
    url: Annotated[
        str | None,
        typer.Option(help="Address of the service. Default: host and port of the settings."),
    ] = None,
    ready: Annotated[
        bool,
        typer.Option(
            "--ready", help="Ask whether it accepts pictures, not only whether it is alive."
        ),
    ] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the answer.")] = 5.0,
) -> None:
    """Ask a running service whether it is well. The exit code is 0 if it is, else 1."""
    if url is None:
        settings = read_settings({})
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"http://{host}:{settings.port}"
    request = f"{url.rstrip('/')}/{'readyz' if ready else 'healthz'}"
    if not request.startswith(("http://", "https://")):
        raise typer.BadParameter(f"--url must begin with http:// or https://, got {url!r}")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            typer.echo(answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            typer.echo(error.read().decode(), err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"no answer from {request}: {error}", err=True)
        raise typer.Exit(1) from error


def doctor(
    model_path: Annotated[
        Path | None, typer.Option(help="Folder of the weights. Default: as the settings say.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    device: Annotated[str | None, typer.Option(metavar="auto|cpu|cuda", help="Device.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say whether this machine can serve, and what to do if it can't.

    It checks what `abair serve` needs: settings of the environment, device and arithmetic, threads,
    weights (complete, finite, and one small picture restored), codecs, port.
    """
    given = {"model_path": model_path, "host": host, "port": port, "device": device}
    settings = read_settings({name: str(v) for name, v in given.items() if v is not None})
    from service.doctor import examine

    findings = list(examine(settings))
    able = all(finding.status != "problem" for finding in findings)
    if as_json:
        report = {"can_serve": able, "findings": [asdict(finding) for finding in findings]}
        typer.echo(json.dumps(report, indent=1))
    else:
        for finding in findings:
            typer.echo(f"{_MARKS[finding.status]} {finding.name:<10} {printable(finding.found)}")
            if finding.remedy:
                typer.echo(f"{'':<12} -> {printable(finding.remedy)}")
        typer.echo("It can serve: abair serve" if able else "It can't serve yet.")
    raise typer.Exit(0 if able else 1)


def _message(where: tuple[int | str, ...], message: str) -> str:
    """Put the option before the message. A message about several settings names them itself."""
    message = message.removeprefix("Value error, ")
    if not where:
        return message
    name = str(where[0])
    return f"{_option(name)} ({_PREFIX}{name.upper()}): {message}"


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """Make the option of one setting. Its value stays a string, which the settings parse."""
    default = field.default
    option = typer.Option(
        _option(name),
        help=field.description,
        metavar=_metavar(field.annotation),
        envvar=f"{_PREFIX}{name.upper()}",
        show_default=str(default) if isinstance(default, int | float | str) else False,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[str | None, option],
    )


def _metavar(annotation: Any) -> str:  # noqa: ANN401  # whatever a field may be annotated with
    """Return what the help shows as an option's value: its choices, or its type."""
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    inner = [kind for kind in get_args(annotation) if kind not in (type(None), ...)]
    kind = inner[0] if inner else annotation
    return {"int": "INTEGER", "float": "NUMBER", "Path": "PATH"}.get(kind.__name__, "TEXT")


def _register() -> None:
    fields = Settings.model_fields
    parameters = [_parameter(name, field) for name, field in fields.items()]
    # Typer reads options from the signature; PEP 362 lets a function state another one.
    serve.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    app.command(
        epilog=examples(
            "abair serve",
            "abair serve --port 9000 --model-path weights",
            "ABAIR_API_KEYS=secret abair serve --host 0.0.0.0",
            ending="Exit codes: 0 stopped by a signal, 1 could not start or the device failed, "
            "2 wrong usage.",
        )
    )(serve)
    app.command(
        epilog=examples(
            "abair health --ready", ending="Exit codes: 0 well, 1 not well, 2 wrong usage."
        )
    )(health)
    app.command(
        epilog=examples(
            "abair doctor",
            "abair doctor --json --model-path weights --port 9000",
            ending="Exit codes: 0 it can serve, 1 it can't, 2 wrong usage.",
        )
    )(doctor)


_register()

if __name__ == "__main__":
    main()
