"""The batcher against a machine that submits, cancels, fails, waits and ends at any moment.

Time and the device are the machine's own: nothing here waits, and every order of events is one
that can happen.
"""

import asyncio
import contextlib
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from service.batching.batcher import BatcherClosedError, MicroBatcher, QueueFullError
from service.batching.policy import SchedulingPolicy
from service.batching.units import Unit
from tests.service.batching.helpers import FatalError

MAX_COST, MAX_UNITS, MAX_QUEUED = 8, 3, 6


class BadItemError(Exception):
    pass


class OutOfMemoryError(Exception):
    pass


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time moves only when it is told."""

    now = 100.0

    def time(self):
        return self.now


class Worker:
    """Stands for a thread of the device: a call ends when the machine says so."""

    def __init__(self, on_batch):
        self.call_ends: asyncio.Future[Any] | None = None
        self.function: Any = None
        self.on_batch: Any = on_batch

    async def call(self, function, run, items, fatal):
        assert self.call_ends is None, "two batches at a time in one thread"
        self.on_batch(items)
        self.function = lambda: function(run, items, fatal)
        self.call_ends = asyncio.get_running_loop().create_future()
        try:
            return await self.call_ends
        finally:
            self.call_ends = None

    def finish(self):
        assert self.call_ends is not None
        try:
            result = self.function()
        except FatalError as error:
            self.call_ends.set_exception(error)
        else:
            self.call_ends.set_result(result)


def run(callers, _threads):
    kinds = [caller.kind for caller in callers]
    if "fatal" in kinds:
        raise FatalError
    if "bad" in kinds:
        raise BadItemError
    if "large" in kinds and len(kinds) > 1:
        raise OutOfMemoryError  # alone it fits
    return [BadItemError() if caller.kind == "own error" else caller.number for caller in callers]


class Caller:
    def __init__(self, number, key, cost, kind, deadline):
        self.number, self.key, self.cost = number, key, cost
        self.kind, self.deadline = kind, deadline
        self.begun = self.gone = self.refused = False
        self.arrived_at = 0.0


class BatcherMachine(RuleBasedStateMachine):
    @initialize(max_wait=st.sampled_from([0.0, 1.0]), threads=st.integers(1, 3))
    def start(self, max_wait, threads):
        self.loop = VirtualLoop()
        self.workers = [Worker(self.check_batch) for _ in range(threads)]
        self.callers, self.tasks = [], []
        self.closing, self.max_wait, self.freed = None, max_wait, 0.0
        self.batcher = MicroBatcher(
            run,
            threads=self.workers,  # type: ignore[arg-type]
            policy=SchedulingPolicy(MAX_COST, MAX_UNITS, max_wait, MAX_QUEUED),
            fatal=(FatalError,),
            clock=self.loop.time,
        )
        self.loop.run_until_complete(self.settle(self.batcher.start))

    async def settle(self, act=lambda: None):
        """Do something and let everything happen that can without time going by."""
        act()
        for _ in range(12):
            await asyncio.sleep(0)

    def happen(self, act=lambda: None):
        self.loop.run_until_complete(self.settle(act))

    @property
    def waiting(self):
        return [
            caller
            for caller, task in zip(self.callers, self.tasks, strict=True)
            if not (caller.begun or task.done() or caller.gone)
        ]

    def check_batch(self, batch):
        waiting = sorted(self.waiting, key=lambda caller: (caller.arrived_at, caller.number))
        assert waiting[0] in batch, "the oldest is in the next batch"
        alike = [caller for caller in waiting if caller.key == batch[0].key]
        assert alike[: len(batch)] == batch, "the oldest of its key, in their order"
        assert len(batch) == 1 or sum(caller.cost for caller in batch) <= MAX_COST
        assert len(batch) <= MAX_UNITS
        for caller in batch:
            assert caller.deadline is None or caller.deadline > self.loop.now, "begun too late"
            caller.begun = True

    @rule(
        key=st.sampled_from("ab"),
        cost=st.integers(0, MAX_COST + 2),
        kind=st.sampled_from(["good", "good", "good", "bad", "own error", "large"]),
        patience=st.sampled_from([None, None, 0.4, 3.0]),
        continues=st.booleans(),
    )
    def submit(self, key, cost, kind, patience, continues):
        deadline = None if patience is None else self.loop.now + patience
        caller = Caller(len(self.callers), key, cost, kind, deadline)
        caller.arrived_at = self.loop.now
        caller.refused = len(self.waiting) >= MAX_QUEUED and not continues
        unit = Unit(caller, key, cost, continues=continues)

        def act():
            self.callers.append(caller)
            call = self.batcher.submit(unit, deadline=deadline)
            self.tasks.append(self.loop.create_task(call))

        self.happen(act)

    @rule(pick=st.integers(0, 100))
    def hang_up(self, pick):
        if self.callers:
            index = pick % len(self.callers)
            self.callers[index].gone = True
            self.happen(self.tasks[index].cancel)

    @property
    def running(self):
        return [worker for worker in self.workers if worker.call_ends is not None]

    @precondition(lambda self: self.running)
    @rule(pick=st.integers(0, 100))
    def finish_batch(self, pick):
        self.freed = self.loop.now
        self.happen(self.running[pick % len(self.running)].finish)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 5.0]))
    def wait(self, seconds):
        self.loop.now += seconds
        self.happen()

    @precondition(lambda self: self.closing is None)
    @rule(finish=st.booleans(), odds=st.integers(0, 9))
    def close(self, finish, odds):
        if odds == 0:

            def act():
                self.closing = self.loop.create_task(self.batcher.close(finish=finish))

            self.happen(act)

    @precondition(lambda self: self.batcher.failure is None and self.closing is None)
    @rule(odds=st.integers(0, 9))
    def lose_the_device(self, odds):
        if odds == 0:
            self.submit("a", 1, "fatal", None, continues=False)

    @invariant()
    def nothing_waits_for_a_free_thread_longer_than_it_may(self):
        if hasattr(self, "batcher") and self.batcher.free_threads and self.waiting:
            since = max(self.freed, min(caller.arrived_at for caller in self.waiting))
            assert self.loop.now - since <= self.max_wait, "a free thread takes what is there"

    @invariant()
    def no_thread_is_kept_when_nothing_runs(self):
        if hasattr(self, "batcher") and not self.running and self.batcher.failure is None:
            assert self.batcher.free_threads == len(self.workers)

    @invariant()
    def the_queue_is_what_waits(self):
        if hasattr(self, "batcher"):
            assert self.batcher.queued_units == len(self.waiting)
            assert self.batcher.queued_cost == sum(caller.cost for caller in self.waiting)

    def teardown(self):
        if not hasattr(self, "batcher"):
            return
        try:
            self.end()
        finally:
            left = asyncio.all_tasks(self.loop)
            self.happen(lambda: [task.cancel() for task in left])
            self.loop.close()

    def end(self):
        """Let everybody be answered, and look at the answers."""
        for _ in range(200):
            if all(task.done() for task in self.tasks):
                break
            self.go_on()
        assert all(task.done() for task in self.tasks), "somebody was never answered"
        for caller, task in zip(self.callers, self.tasks, strict=True):
            self.check_answer(caller, task)
        lost = self.batcher.failure
        assert lost is None or isinstance(lost, FatalError), repr(lost)
        if self.closing is None:
            self.closing = self.loop.create_task(self.batcher.close())
        for _ in range(3):
            self.go_on()
        assert self.closing.done()
        with contextlib.suppress(asyncio.CancelledError):
            self.closing.result()

    def go_on(self):
        self.loop.now += 0.5
        self.happen(lambda: [worker.finish() for worker in self.running])

    def check_answer(self, caller, task):
        if task.cancelled():
            assert caller.gone
            return
        error = task.exception()
        if error is None:
            assert caller.kind in ("good", "large")
            assert task.result().value == caller.number
        elif isinstance(error, BadItemError):
            assert caller.kind in ("bad", "own error"), "a bad item failed its neighbour"
        elif isinstance(error, TimeoutError):
            assert caller.deadline is not None
            assert caller.deadline <= self.loop.now
            assert not caller.begun
        elif isinstance(error, QueueFullError):
            assert caller.refused
        else:
            assert isinstance(error, BatcherClosedError)
            assert self.closing is not None or self.batcher.failure is not None


def test_a_thread_that_came_free_waits_for_more_units_until_max_wait_and_no_longer():
    machine = BatcherMachine()
    machine.start(max_wait=1.0, threads=1)
    machine.submit("a", 1, "good", None, continues=False)
    machine.finish_batch(0)
    machine.submit("a", 1, "good", None, continues=False)
    machine.wait(0.75)
    assert not machine.running
    machine.wait(0.25)
    assert machine.running
    machine.teardown()


TestBatcherMachine = BatcherMachine.TestCase
TestBatcherMachine.settings = settings(
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
