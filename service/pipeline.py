"""One picture from its file to its answer: admit, decode, describe, restore the tiles, encode."""

from dataclasses import replace

from model.model_info import by_degradation
from model.pictures import Header, Metadata, Picture
from model.pictures.cost import decode_bytes
from model.restoring.plan import RestorationPlan, plan_restoration
from service.admission.admission import Admission
from service.admission.picture_memory import map_bytes, restore_bytes
from service.admission.picture_request import Caller, PictureRequest
from service.answers.answer_format import NPZ, map_media_type, restore_format
from service.answers.encode_answer import Answer, PictureFacts, encode_map, encode_restored
from service.decoding.codec_threads import SMALL_BYTES, SMALL_PIXELS, CodecThreads
from service.decoding.decode_errors import read_header
from service.decoding.decode_limits import decode_limits
from service.device.engine import Described, Engine, MapCells, Removal
from service.errors import FieldProblem, InvalidOptionsError
from service.observability.metrics import ServiceMetrics
from service.options import MapOptions, RestoreOptions
from service.settings import Settings
from service.tiles import TileRunner


class Pipeline:
    """Takes pictures from their files to their answers. The event loop only waits for the steps.

    Args:
        engine: The model.
        tiles: Runs pictures on the device.
        codecs: Threads that decode and encode.
        admission: Accepts or refuses pictures.
        metrics: Shows stages, pixels, and what was found and removed.
        settings: Limits and sizes.
    """

    def __init__(
        self,
        engine: Engine,
        tiles: TileRunner,
        codecs: CodecThreads,
        admission: Admission,
        metrics: ServiceMetrics,
        settings: Settings,
    ) -> None:
        self._engine, self._tiles, self._codecs = engine, tiles, codecs
        self._admission, self._metrics, self._settings = admission, metrics, settings
        self._names = [adapter.name for adapter in engine.adapters]

    async def restore(self, data: bytes, options: RestoreOptions, caller: Caller) -> Answer:
        """Restore one picture.

        Args:
            data: The file.
            options: Options of the request.
            caller: The formats that it accepts, its key, and its deadline.

        Raises:
            ServiceError: Any error that the caller gets as an answer.
        """
        self._check_names(options)
        request, header = await self._read_header(data, caller)
        answer_format = restore_format(options, caller.accept, header)
        with_map = answer_format.as_json and options.include == "map"
        memory = restore_bytes(
            header,
            encoding=answer_format.encoding.name,
            quality=answer_format.quality,
            as_json=answer_format.as_json,
            with_map=with_map,
        )
        with self._admission.place(header.pixels, caller, memory=memory):
            picture, described = await self._describe(data, options.metadata, request, header)
            del data
            plan = self._plan(options, described.amounts)
            removal = Removal(plan.amounts, adapters=plan.adapters)
            degradation_map = None
            if with_map or plan.needs_map:
                degradation_map, cells = await self._tiles.segment(
                    picture.rgb, described, (), request
                )
            if plan.needs_map:
                removal = await self._vary(picture, removal, cells, request)
            pixels = picture.rgb
            if plan.changes:
                pixels = await self._tiles.restore(
                    picture.rgb, described, removal, options.strength, request
                )
            facts = self._facts(described, removal, request)
            answer = await self._codecs.run(
                request.pool_request(),
                encode_restored,
                picture,
                pixels,
                answer_format,
                options,
                facts,
                degradation_map if with_map else None,
            )
        self._observe(facts)
        self._metrics.pixels.inc(header.pixels)
        return answer

    async def degradation_map(self, data: bytes, options: MapOptions, caller: Caller) -> Answer:
        """Make the degradation map of one picture; arguments as of ``restore``."""
        classes = self._engine.info.classes
        media_type = map_media_type(options, caller.accept, classes)
        wanted: tuple[int, ...] = ()
        if media_type == NPZ:
            wanted = tuple(range(len(classes)))
        elif options.class_name is not None:
            wanted = (classes.index(options.class_name),)
        request, header = await self._read_header(data, caller)
        memory = map_bytes(header, planes=len(wanted))
        with self._admission.place(header.pixels, caller, memory=memory):
            picture, described = await self._describe(data, "strip", request, header)
            del data
            degradation_map, _ = await self._tiles.segment(picture.rgb, described, wanted, request)
            facts = self._facts(described, None, request)
            answer = await self._codecs.run(
                request.pool_request(),
                encode_map,
                picture,
                degradation_map,
                media_type,
                options,
                facts,
            )
        self._observe(facts)
        return answer

    async def _read_header(self, data: bytes, caller: Caller) -> tuple[PictureRequest, Header]:
        request = PictureRequest(caller, small=len(data) <= SMALL_BYTES)
        header = await self._codecs.run_for_header(
            request.pool_request("decode"), read_header, data, max_pixels=self._settings.max_pixels
        )
        return replace(request, small=request.small and header.pixels <= SMALL_PIXELS), header

    async def _describe(
        self, data: bytes, metadata: Metadata, request: PictureRequest, header: Header
    ) -> tuple[Picture, Described]:
        """Decode a picture, and describe it."""
        seconds = self._settings.decode_seconds
        limits = decode_limits(header, len(data), decode_bytes(header), seconds)
        decoding = request.pool_request("decode")
        picture = await self._codecs.decode(decoding, data, limits, metadata=metadata)
        prepared = await self._codecs.run(decoding, self._engine.prepare, picture.rgb)
        return picture, await self._tiles.describe(prepared, request)

    async def _vary(
        self, picture: Picture, removal: Removal, cells: MapCells, request: PictureRequest
    ) -> Removal:
        """Scale the adapter weights at each place by the degradation map."""
        size = picture.rgb.shape[:2]
        weights = await self._codecs.run(
            request.pool_request("restore"),
            self._engine.spatial_weights,
            removal.amounts,
            cells,
            size,
        )
        return replace(removal, spatial_weights=weights)

    def _check_names(self, options: RestoreOptions) -> None:
        """Refuse options that name an adapter that is not loaded."""
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

    def _plan(self, options: RestoreOptions, estimated: tuple[float, ...]) -> RestorationPlan:
        """Decide what to do with one picture, as ``Restorer.restore`` does."""
        return plan_restoration(
            options.adapters,
            estimated,
            self._names,
            keep=options.keep,
            strength=options.strength,
            blend=options.blend,
        )

    def _facts(
        self, described: Described, removal: Removal | None, request: PictureRequest
    ) -> PictureFacts:
        removed: tuple[float, ...] = () if removal is None else removal.amounts
        weights: tuple[float, ...] = ()
        if removal is not None and removal.adapters:
            varying = removal.spatial_weights
            weights = removal.amounts if varying is None else varying.means()
        return PictureFacts(
            model=self._engine.info.model_version,
            degradations=by_degradation(self._engine.adapters, described.amounts),
            removed=self._named(removed),
            adapters=self._named(weights),
            times=request.times,
        )

    def _named(self, values: tuple[float, ...]) -> dict[str, float]:
        """Return the values above 0 by the names of their adapters."""
        pairs = zip(self._names, values, strict=False)
        return {name: round(value, 4) for name, value in pairs if value > 0}

    def _observe(self, facts: PictureFacts) -> None:
        for stage, seconds in facts.times.seconds.items():
            self._metrics.stage_seconds.labels(stage).observe(seconds)
        self._metrics.observe_picture(facts.adapters, facts.degradations)
