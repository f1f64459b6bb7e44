"""What happens to one picture: admit, decode, describe, restore tiles, stitch, encode."""

from dataclasses import dataclass, replace
from functools import partial

from model.pictures import Header, Metadata, Picture
from model.pictures.cost import decode_bytes
from model.restoring.wishes import amounts_for
from service.admission import Admission, Caller
from service.answers import (
    NPZ,
    Facts,
    Result,
    Stages,
    map_answer,
    map_form,
    restore_form,
    restored_answer,
)
from service.codecs import Codecs
from service.decoding.limits import decode_limits
from service.engine import Described, Engine, Removal
from service.errors import FieldProblem, InvalidOptionsError
from service.images import read_header
from service.memory import map_bytes, restore_bytes
from service.metrics import ServiceMetrics
from service.passes import Cells, Passes
from service.schemas import MapOptions, RestoreOptions
from service.settings import Settings
from service.threads import Errand

SMALL_PIXELS, SMALL_BYTES = 2**20, 2**20
"""Most pixels, and most bytes of the file, of a picture that does not wait for large ones."""


@dataclass(frozen=True)
class Job:
    """One picture on its way.

    Attributes:
        caller: Whose it is.
        stages: The time that it spends.
        header: What its file says of it.
        small: Whether it doesn't wait for large ones.
    """

    caller: Caller
    stages: Stages
    header: Header
    small: bool

    def errand(self, stage: str | None = None) -> Errand:
        """Ask threads on this picture's behalf; ``stage`` is what their time counts as."""
        return _errand(self.caller, self.stages, small=self.small, stage=stage)


def _errand(caller: Caller, stages: Stages, *, small: bool, stage: str | None) -> Errand:
    ran = _nothing if stage is None else partial(stages.add, stage)
    return Errand(small, caller.running, waited=partial(stages.add, "queue"), ran=ran)


def _nothing(_seconds: float) -> None:
    """Note nothing: the work measures its own stage."""


class Pipeline:
    """Takes pictures through the service. Nothing but waiting happens in the event loop.

    Args:
        engine: The model.
        passes: The way to the device.
        codecs: Threads that decode and encode.
        admission: The places.
        metrics: Where it is shown.
        settings: Limits and sizes.
    """

    def __init__(
        self,
        engine: Engine,
        passes: Passes,
        codecs: Codecs,
        admission: Admission,
        metrics: ServiceMetrics,
        settings: Settings,
    ) -> None:
        self._engine, self._passes, self._codecs = engine, passes, codecs
        self._admission, self._metrics, self._settings = admission, metrics, settings
        self._model = f"{engine.info.model}@{engine.info.sha256[:12]}"
        self._names = [adapter.name for adapter in engine.adapters]

    async def restore(self, data: bytes, options: RestoreOptions, caller: Caller) -> Result:
        """Restore one picture.

        Args:
            data: The file.
            options: What the caller wants.
            caller: What they accept, whose they are, and until when they wait.

        Raises:
            ServiceError: Whatever the caller has to be told.
        """
        self._check(options)
        job = await self._begin(data, caller)
        header, stages = job.header, job.stages
        form = restore_form(options, caller.accept, header)
        wants_map = form.as_json and options.include == "map"
        memory = restore_bytes(
            header,
            encoding=form.encoding.name,
            quality=form.quality,
            as_json=form.as_json,
            with_map=wants_map,
        )
        with self._admission.place(header.pixels, caller, memory=memory):
            picture, described = await self._see(data, options.metadata, job)
            del data
            removal = self._removal(options, described.amounts)
            varies = options.blend == "pixel" and removal.adapters and not removal.nothing
            segmentation = None
            if wants_map or varies:
                segmentation, cells = await self._passes.segment(picture.rgb, described, (), stages)
            if varies:
                removal = await self._lead(picture, removal, cells, job)
            pixels = await self._passes.restore(
                picture.rgb, described, removal, options.strength, stages
            )
            facts = self._facts(described, removal, stages)
            shown = segmentation if wants_map else None
            result = await self._codecs.run(
                job.errand(), restored_answer, picture, pixels, form, options, facts, shown
            )
        self._observe(facts)
        self._metrics.pixels.inc(header.pixels)
        return result

    async def degradation_map(self, data: bytes, options: MapOptions, caller: Caller) -> Result:
        """Map the degradations of one picture; arguments as of ``restore``."""
        classes = self._engine.info.classes
        media_type = map_form(options, caller.accept, classes)
        planes: tuple[int, ...] = ()
        if media_type == NPZ:
            planes = tuple(range(len(classes)))
        elif options.class_name is not None:
            planes = (classes.index(options.class_name),)
        job = await self._begin(data, caller)
        memory = map_bytes(job.header, planes=len(planes))
        with self._admission.place(job.header.pixels, caller, memory=memory):
            picture, described = await self._see(data, "strip", job)
            del data
            segmentation, _ = await self._passes.segment(picture.rgb, described, planes, job.stages)
            facts = self._facts(described, None, job.stages)
            result = await self._codecs.run(
                job.errand(), map_answer, picture, segmentation, media_type, options, facts
            )
        self._observe(facts)
        return result

    async def _begin(self, data: bytes, caller: Caller) -> Job:
        """Read a picture's header."""
        stages, small = Stages(caller.deadline), len(data) <= SMALL_BYTES
        errand = _errand(caller, stages, small=small, stage="decode")
        limit = self._settings.max_pixels
        header = await self._codecs.read(errand, read_header, data, max_pixels=limit)
        return Job(caller, stages, header, small=small and header.pixels <= SMALL_PIXELS)

    async def _see(self, data: bytes, metadata: Metadata, job: Job) -> tuple[Picture, Described]:
        """Decode and describe."""
        limits = decode_limits(
            job.header, len(data), decode_bytes(job.header), self._settings.decode_seconds
        )
        picture = await self._codecs.decode(job.errand("decode"), data, limits, metadata=metadata)
        prepared = await self._codecs.run(job.errand("decode"), self._engine.prepare, picture.rgb)
        return picture, await self._passes.describe(prepared, job.stages)

    async def _lead(self, picture: Picture, removal: Removal, cells: Cells, job: Job) -> Removal:
        """Scale the adapter weights at each place by the degradation map."""
        size = picture.rgb.shape[:2]
        field = await self._codecs.run(
            job.errand("restore"), self._engine.lead, removal.amounts, cells, size
        )
        return replace(removal, field=field)

    def _check(self, options: RestoreOptions) -> None:
        named = {"keep": options.keep, "adapters": options.adapters}
        for option, names in named.items():
            unknown = [] if isinstance(names, str) else [n for n in names if n not in self._names]
            if unknown:
                raise InvalidOptionsError(
                    f"unknown adapter: {', '.join(unknown)}",
                    code="unknown_adapter",
                    hint=f"Adapters are: {', '.join(self._names)}; see GET /adapters.",
                    errors=[FieldProblem(option=option, detail=f"unknown: {n}") for n in unknown],
                )

    def _removal(self, options: RestoreOptions, estimated: tuple[float, ...]) -> Removal:
        """Return what is to be removed."""
        amounts = amounts_for(options.adapters, estimated, self._names, keep=options.keep)
        return Removal(amounts, adapters=options.adapters != "none")

    def _facts(self, described: Described, removal: Removal | None, stages: Stages) -> Facts:
        degradations: dict[str, float] = {}
        for adapter, amount in zip(self._engine.adapters, described.amounts, strict=True):
            kind = adapter.degradation
            degradations[kind] = round(max(degradations.get(kind, 0.0), amount), 4)
        applied: tuple[float, ...] = ()
        if removal is not None and removal.adapters:
            applied = removal.amounts if removal.field is None else removal.field.means()
        return Facts(
            model=self._model,
            degradations=degradations,
            adapters={
                name: round(weight, 4)
                for name, weight in zip(self._names, applied, strict=False)
                if weight > 0
            },
            stages=stages,
        )

    def _observe(self, facts: Facts) -> None:
        for stage, seconds in facts.stages.seconds.items():
            self._metrics.stage_seconds.labels(stage).observe(seconds)
        self._metrics.observe_seen(facts.adapters, facts.degradations)
