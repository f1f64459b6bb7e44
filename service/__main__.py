"""The ``abair`` command: the model's commands, ``serve`` and ``health``."""

import inspect
import urllib.error
import urllib.request
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from model.cli import app
from service.settings import Settings

__all__ = ["app", "main"]

_PREFIX = Settings.model_config["env_prefix"]


def main() -> None:
    """Run the command line."""
    app()


def serve(**given: str | None) -> None:
    """Serve restoration over HTTP, with the bundled weights unless told otherwise.

    Every option is an environment variable too, named in its help; an option wins.
    """
    settings = read_settings({name: value for name, value in given.items() if value is not None})
    from service.app import serve as run

    raise typer.Exit(run(settings))


def read_settings(given: dict[str, str]) -> Settings:
    """Make the settings of options as typed and of the environment; tell what is wrong with them.

    Raises:
        typer.BadParameter: Naming each option whose value isn't one.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic reads the strings
    except ValidationError as error:
        told = [_tell(str(problem["loc"][0]), problem["msg"]) for problem in error.errors()]
        raise typer.BadParameter("; ".join(told)) from None  # the cause may hold a key


def health(
    url: Annotated[
        str | None, typer.Option(help="Where the service is; by default as the settings say.")
    ] = None,
    ready: Annotated[
        bool,
        typer.Option("--ready", help="Ask whether it takes requests, not only whether it lives."),
    ] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the answer.")] = 5.0,
) -> None:
    """Ask a running service how it is: exit code 0 when well, 1 when not."""
    if url is None:
        settings = read_settings({})
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"http://{host}:{settings.port}"
    request = f"{url.rstrip('/')}/{'readyz' if ready else 'healthz'}"
    if not request.startswith(("http://", "https://")):
        raise typer.BadParameter(f"--url is http:// or https://, got {url!r}")
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


def _tell(name: str, message: str) -> str:
    return f"{_option(name)} ({_PREFIX}{name.upper()}): {message}"


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """Make the option of one setting; its value stays a string for the settings to read."""
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
    """Name what an option takes: its choices, or its type."""
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    inner = [kind for kind in get_args(annotation) if kind not in (type(None), ...)]
    kind = inner[0] if inner else annotation
    return {"int": "INTEGER", "float": "NUMBER", "Path": "PATH"}.get(kind.__name__, "TEXT")


def _register() -> None:
    fields = Settings.model_fields
    parameters = [_parameter(name, field) for name, field in fields.items()]
    serve.__dict__["__signature__"] = inspect.Signature(parameters)
    app.command()(serve)
    app.command()(health)


_register()

if __name__ == "__main__":
    main()
