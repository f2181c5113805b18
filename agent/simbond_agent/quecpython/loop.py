"""What the agent uses of asyncio, for firmware that has no asyncio, or only some of it (docs/adr/quecpython.md).

A task waits for a condition, for a time, or for both; conditions are looked at in turn. So what a thread or a callback
of the firmware sets is seen without being told. Generators stand for coroutines, as in MicroPython itself.
"""

import _thread
import sys
from time import sleep_ms as _pause_ms
from time import ticks_diff, ticks_ms

_IDLE_MS = 250  # at most so long asleep: what another thread sets is seen by then
_BUSY_MS = 10  # while a thread works for a task
_LONGEST_MS = 0x1FFFFFFF  # of ticks_diff(); whoever waits longer wakes early
_STACK = 16 * 1024  # a TLS handshake takes more than the 8 KiB that a thread gets

_tasks = []
_working = 0


class CancelledError(BaseException):
    pass


class TimeoutError(Exception):
    pass


class Task:
    """awaited: whether somebody takes what it returns or raises."""

    def __init__(self, coroutine, awaited=False):
        self._coroutine = coroutine
        self._awaited = awaited
        self._cancelled = False
        self._condition = None
        self._since = ticks_ms()
        self._ms = 0
        self._result = None
        self._error = None
        _tasks.append(self)

    def done(self):
        return self._coroutine is None

    def cancel(self):
        self._cancelled = True

    def outcome(self):
        """Returns or raises what the coroutine did."""
        if self._error:
            raise self._error
        return self._result

    def ready_in(self):
        """Milliseconds until it can go on; None where only its condition tells."""
        if self._cancelled or (self._condition and self._condition()):
            return 0
        return None if self._ms is None else max(0, self._ms - ticks_diff(ticks_ms(), self._since))

    def step(self):
        _tasks.remove(self)
        try:
            if self._cancelled:
                self._cancelled = False
                self._condition, self._ms = self._coroutine.throw(CancelledError())
            else:
                self._condition, self._ms = self._coroutine.send(None)
            self._since = ticks_ms()
            _tasks.append(self)  # behind those that it has made
            return
        except StopIteration as e:
            self._result = e.value
        except (Exception, CancelledError) as e:
            self._error = e
            if not self._awaited and isinstance(e, Exception):
                sys.print_exception(e)
        self._coroutine = None


def _until(condition, ms=None):
    yield condition, None if ms is None else min(int(ms), _LONGEST_MS)


create_task = Task


def run(coroutine):
    """Runs coroutine, and every task that is made meanwhile, until it ends; returns or raises what it did."""
    main = Task(coroutine, True)
    try:
        while not main.done():
            _round()
    finally:
        _tasks.clear()
    return main.outcome()


def _round():
    pause = _BUSY_MS if _working else _IDLE_MS
    for task in list(_tasks):
        wait = task.ready_in()
        if wait == 0:
            task.step()
            pause = 0
        elif wait is not None:
            pause = min(pause, wait)
    if pause:
        _pause_ms(pause)


def sleep_ms(ms):
    return _until(None, ms)


def sleep(seconds):
    return _until(None, seconds * 1000)


async def wait_for_ms(coroutine, ms):
    task = Task(coroutine, True)
    try:
        await _until(task.done, ms)
    finally:
        late = not task.done()
        if late:
            task.cancel()
            await _until(task.done)
    if late and isinstance(task._error, CancelledError):
        raise TimeoutError()
    return task.outcome()


def wait_for(coroutine, seconds):
    return wait_for_ms(coroutine, seconds * 1000)


class Event:
    def __init__(self):
        self._set = False

    def is_set(self):
        return self._set

    def set(self):
        self._set = True

    def clear(self):
        self._set = False

    async def wait(self):
        await _until(self.is_set)


class Lock:
    def __init__(self):
        self._free = True

    def locked(self):
        return not self._free

    async def acquire(self):
        while not self._free:
            await _until(self._is_free)
        self._free = False

    def release(self):
        self._free = True

    def _is_free(self):
        return self._free

    async def __aenter__(self):
        await self.acquire()

    async def __aexit__(self, *_):
        self.release()


async def in_thread(function, *arguments):
    """What function returns or raises, called in a thread of its own, which ends in its own time whatever becomes of
    the task.
    """
    global _working
    outcome = []
    _working += 1
    try:
        usual = _thread.stack_size()
        _thread.stack_size(_STACK)
        _thread.start_new_thread(_work, (outcome, function, arguments))
        _thread.stack_size(usual)
        await _until(lambda: outcome)
    finally:
        _working -= 1
    result, error = outcome[0]
    if error:
        raise error
    return result


def _work(outcome, function, arguments):
    try:
        outcome.append((function(*arguments), None))
    except Exception as e:
        outcome.append((None, e))
