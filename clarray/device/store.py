"""Store: what was measured on devices, kept between processes in a file of `cache_dir`.

Winners of tuning and facts (what the probe found, the times of `device.measure`) have the device, its platform and
driver, and clarray's version for keys. Reading never fails: a file that is missing, spoilt, locked or of another
format is as good as empty, and the log says why.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clarray.config import config
from clarray.errors import ClarrayError
from clarray.version import __version__

if TYPE_CHECKING:
    import sqlite3

    from .select import Device

FORMAT = 1  # of the tables, in the file's `user_version`
PATIENCE = 0.2  # seconds that a start of a context waits for another process that writes
KEYS = "device, platform, driver, version"

_TABLES = f"""
CREATE TABLE IF NOT EXISTS winners (
    device TEXT, platform TEXT, driver TEXT, version TEXT, tunable TEXT, problem TEXT,
    candidate TEXT NOT NULL, seconds REAL NOT NULL, default_seconds REAL NOT NULL,
    PRIMARY KEY ({KEYS}, tunable, problem)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (
    device TEXT, platform TEXT, driver TEXT, version TEXT, name TEXT, value TEXT NOT NULL,
    PRIMARY KEY ({KEYS}, name)) WITHOUT ROWID;
PRAGMA user_version = {FORMAT};
"""

log = logging.getLogger("clarray.tuning")


@dataclass(frozen=True)
class Kept:
    """What a file says of one device; all empty where it says nothing."""

    facts: dict[str, Any] = field(default_factory=dict)
    winners: tuple[tuple[str, str, str], ...] = ()
    """(tunable, class of problems, the candidate's text)"""


def path() -> Path:
    """Where the file is, or would be."""
    return Path(os.path.expanduser(config.cache_dir)) / "tuning.sqlite3"


def key_of(device: Device) -> tuple[str, str, str, str]:
    """The columns that say on what something was measured, and by which clarray."""
    return device.hardware, device.platform, device.driver_version, __version__


def load(device: Device) -> Kept:
    """What is kept of a device. Never fails."""
    file = path()
    try:
        if not file.is_file():
            return Kept()
        with _opened(f"{file.absolute().as_uri()}?mode=ro", PATIENCE) as db:
            where, key = " AND ".join(f"{name} = ?" for name in KEYS.split(", ")), key_of(device)
            facts = db.execute(f"SELECT name, value FROM facts WHERE {where}", key).fetchall()
            winners = db.execute(f"SELECT tunable, problem, candidate FROM winners WHERE {where}", key).fetchall()
        return Kept({name: json.loads(value) for name, value in facts}, tuple(winners))
    except (_Unusable, OSError, ValueError, TypeError) as error:
        log.info("%s is not used: %s", file, error)
        return Kept()


class Store:
    """The file, open for writing: every change is on disk when its call returns."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def keep_winner(
        self, device: Device, tunable: str, problem: str, candidate: str, seconds: float, default_seconds: float
    ) -> None:
        """Remember the winner of a class of problems and the times behind it, in place of an earlier one."""
        row = (*key_of(device), tunable, problem, candidate, seconds, default_seconds)
        self._db.execute("INSERT OR REPLACE INTO winners VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def forget_winner(self, device: Device, tunable: str, problem: str) -> None:
        """Go back to the default."""
        where = " AND ".join(f"{name} = ?" for name in (*KEYS.split(", "), "tunable", "problem"))
        self._db.execute(f"DELETE FROM winners WHERE {where}", (*key_of(device), tunable, problem))

    def keep_fact(self, device: Device, name: str, value: Any) -> None:
        """Remember something that JSON can hold, in place of what was there."""
        self._db.execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?, ?)", (*key_of(device), name, json.dumps(value))
        )


@contextmanager
def writing(patience: float = 10.0) -> Iterator[Store]:
    """The store, made where it is not there; ClarrayError where it cannot be written."""
    file = path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _opened(f"{file.absolute().as_uri()}?mode=rwc", patience, create=True) as db:
            yield Store(db)
    except (_Unusable, OSError) as error:
        raise ClarrayError(
            f"{file} cannot be written: {error}; `clarray cache --clear` removes it, cache_dir= names another folder"
        ) from error


def keep_quietly(device: Device, name: str, value: Any) -> None:
    """Remember a fact where that is possible; the log says where it is not."""
    try:
        with writing(PATIENCE) as store:
            store.keep_fact(device, name, value)
    except ClarrayError as error:
        log.info("%s", error)


def counts() -> list[tuple[str, str, str, str, int]]:
    """(device, platform, driver, clarray's version, winners) of everything kept; ClarrayError for a spoilt file."""
    file = path()
    if not file.is_file():
        return []
    try:
        with _opened(f"{file.absolute().as_uri()}?mode=ro", 10.0) as db:
            return db.execute(
                f"SELECT {KEYS}, sum(n) FROM (SELECT {KEYS}, 1 AS n FROM winners UNION ALL "
                f"SELECT {KEYS}, 0 FROM facts) GROUP BY {KEYS} ORDER BY {KEYS}"
            ).fetchall()
    except (_Unusable, OSError) as error:
        raise ClarrayError(f"{file} cannot be read: {error}; `clarray cache --clear` removes it") from error


class _Unusable(Exception):
    """The file is not what this module writes, or not to be had now."""


@contextmanager
def _opened(uri: str, patience: float, create: bool = False) -> Iterator[sqlite3.Connection]:
    import sqlite3  # only where there is something to read or write

    try:
        db = sqlite3.connect(uri, patience, isolation_level=None, uri=True)  # every statement is committed at once
        try:
            (found,) = db.execute("PRAGMA user_version").fetchone()
            if create and found == 0:
                db.executescript(_TABLES)
            elif found != FORMAT:
                raise _Unusable(f"its format is {found}, this clarray's {FORMAT}")
            yield db
        finally:
            db.close()
    except sqlite3.Error as error:
        raise _Unusable(str(error)) from error
