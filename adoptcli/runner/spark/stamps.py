"""Files that lie elsewhere, as Spark finds them: a change while they are read is noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from adoptcli.errors import DataProblem
from adoptcli.runner.spark import problems
from adoptcli.runner.spark import session as spark
from adoptcli.source import steady

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Stamps = Mapping[str, tuple[int, datetime]]
GONE = ("PATH_NOT_FOUND", "FILE_NOT_EXIST", "FileNotFoundException")


def stamps(session: SparkSession, paths: Sequence[str]) -> Stamps:
    """Bytes and time of writing of each file below some paths; of the files nothing is read.

    Raises:
        DataProblem: Nothing is there.
    """
    listed = session.read.options(recursiveFileLookup="true").format("binaryFile")
    asked = ("path", "length", "modificationTime")
    try:
        rows = [row for path in paths for row in listed.load(path).select(*asked).collect()]
    except Exception as error:
        raise problems.unread(paths, problems.said(error)) from error
    return {path: (size, written) for path, size, written in rows}


def changed(session: SparkSession, paths: Sequence[str], before: Stamps) -> DataProblem | None:
    """What to say where a file is not as it was at the first look.

    A Connect server looks anew what files there are whenever it reads; a session of ours does not.
    """
    try:
        now = stamps(session, paths)
    except DataProblem as error:  # what else there is to say says whoever reads
        gone = any(word in str(error.__cause__) for word in GONE)
        return steady.of(paths[0], "it is not there any more") if gone else None
    for path, (size, written) in before.items():
        if path not in now:
            return steady.of(path, "it is not there any more")
        if now[path] != (size, written):
            return steady.of(path, steady.sizes(size, now[path][0]))
    if spark.over_connect(session) and (more := sorted({*now} - {*before})):
        return steady.of(more[0], "it was not there before")
    return None
