"""Which context work goes to: the argument, the `with` block, `use`, or the configuration."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING

from clarray.config import config, parse_contexts
from clarray.device.select import Device, best_first, falls_back, list_devices, resolve
from clarray.errors import ClarrayError, DeviceError, DeviceNotFound

if TYPE_CHECKING:
    from clarray.device.context import Context

__all__ = ["context_for", "device", "devices", "use"]

_scope: ContextVar[Context | None] = ContextVar("clarray_device", default=None)
_default: Context | None = None  # what `use` or the configuration chose
_words: dict[str, Context] = {}  # what each word was resolved to
_contexts: dict[Device, Context] = {}  # one for each name and place, kept for good
_lock = threading.RLock()


def context_for(device: Context | Device | str | None = None) -> Context:
    """The context that `device` means; started at the first call for it.

    None is the device of the innermost `with clarray.device(...)`, else the one `use` set,
    else the configured one. A device that is absent or does not start is replaced by a CPU
    device with one UserWarning, or raises DeviceNotFound where `force_device` is set.
    """
    if device is None:
        return _scope.get() or _default or _start_default()
    if isinstance(device, str):
        return _words.get(device) or _start_word(device)
    if isinstance(device, Device):
        return _contexts.get(device) or _start(device)
    return device


def use(device: Context | Device | str | None) -> Device:
    """Make `device` the default of every thread; None goes back to the configuration."""
    global _default
    _default = None if device is None else context_for(device)
    return context_for(None).device


@contextmanager
def device(device: Context | Device | str | None) -> Iterator[Device]:
    """Work on `device` within the `with` block, in this thread alone."""
    context = context_for(device)
    token = _scope.set(context)
    try:
        yield context.device
    finally:
        _scope.reset(token)


def name_to_keep(context: Context) -> str | None:
    """What a pickle says of a context: its name, or None for the default one, which may be another where it is read."""
    return None if context is _default else context.name


def kept_context(name: str | None) -> Context:
    """The context that a pickle names; where there is none, the default one, with a UserWarning that says so."""
    if name is None:
        return context_for()
    named = parse_contexts(config.contexts)
    started = next((context for found, context in _contexts.items() if found.name == name), None)
    if started is not None and name not in named:
        return started
    try:
        if name not in named:
            resolve(name)
        return context_for(name)
    except ClarrayError as error:
        if config.force_device:
            raise
        context = context_for()
        warnings.warn(
            f"a pickle holds values of device {name!r}, which is not here: they go to the default device, "
            f"{context.name} ({context.device.hardware}). {error}",
            UserWarning,
            stacklevel=2,
        )
        return context


def devices() -> list[Device]:
    """Every OpenCL device of this machine, as `clarray devices` numbers them."""
    return list_devices()


def _start_default() -> Context:
    """The context of the configured device, kept until the configuration changes."""
    global _default
    with _lock:
        if _default is None:
            word = config.device
            _default = _words.get(word) or _start_word(word)
        return _default


def _start_word(word: str) -> Context:
    """The context of a name in `contexts=`, or of a word of the device grammar."""
    with _lock:
        if word in _words:
            return _words[word]
        named = parse_contexts(config.contexts)
        wanted, name = (named[word], word) if word in named else (word, None)
        try:
            found = resolve(wanted)
            context = _start(found if name is None else replace(found, name=name))
        except ClarrayError as error:
            if config.force_device and not isinstance(error, DeviceNotFound):
                raise DeviceNotFound(str(error)) from error
            if config.force_device or not falls_back(wanted):
                raise _with_names(error, named) from error.__cause__
            context = _fall_back(word, name, error)
        _words[word] = context
        return context


def _with_names(error: ClarrayError, named: dict[str, str]) -> ClarrayError:
    """The error of a word that means no device, with the names that `contexts=` gives."""
    if not isinstance(error, DeviceNotFound):
        return error
    listed = ", ".join(f"{name}->{word}" for name, word in named.items()) or "none"
    return DeviceNotFound(f"{error}\nnames in config.contexts: {listed}")


def _start(found: Device) -> Context:
    """The one context of a device under its name; what the driver says comes as DeviceError."""
    import pyopencl as cl

    from clarray.device.context import Context

    with _lock:
        if found not in _contexts:
            try:
                _contexts[found] = Context(found, found.name)
            except cl.Error as error:
                raise DeviceError(
                    f"{found.place} ({found.hardware}) does not start: {error}; `clarray doctor` tells more"
                ) from error
            if config.print_active_device:
                mapped = None if found.name == found.place else found.name
                line = f"Mapped name {mapped} to device {found.place}: {found.hardware}"
                print(line, file=sys.stderr)
        return _contexts[found]


def _fall_back(word: str, name: str | None, error: ClarrayError) -> Context:
    """A CPU device in place of the one that `word` meant, with a warning that says why."""
    reasons = [str(error)]
    for cpu in best_first([x for x in list_devices() if x.type == "cpu"]):
        try:
            context = _start(cpu if name is None else replace(cpu, name=name))
        except ClarrayError as again:
            reasons.append(str(again))
            continue
        meant = f"device {word!r}" if word else "the best device"
        warnings.warn(
            f"{meant} is not available; {cpu.place} ({cpu.hardware}) is used instead. {error}",
            UserWarning,
            stacklevel=4,
        )
        return context
    raise DeviceNotFound("\n".join(dict.fromkeys(reasons))) from error


def _forget(flag: str) -> None:
    """Choose again after the configuration changed; what is started stays started."""
    global _default
    if flag in ("", "device", "contexts", "force_device"):
        _default = None
    if flag in ("", "contexts", "force_device"):
        _words.clear()


config.changed.append(_forget)
