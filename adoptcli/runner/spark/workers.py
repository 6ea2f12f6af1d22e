"""Whether the workers run what this machine runs, and how much memory each has for a bucket."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from adoptcli.runner.sizing import CODE
from adoptcli.runner.spark import problems, worker
from adoptcli.runner.spark import session as spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FEWEST = 16  # tasks that tell what their worker runs, and has
ASKED = 1 << 12  # rows, of which each core gets some
MIB = 1 << 20
OVERHEAD = {  # what says which part of Java's memory there is beside it in a container
    "yarn": "spark.executor.memoryOverheadFactor", "k8s": "spark.kubernetes.memoryOverheadFactor",
}  # fmt: skip


def room(session: SparkSession) -> int:
    """Bytes that a worker has for the bucket that it works on.

    Raises:
        DataProblem: A worker lacks what our code needs, or has other versions of it.
    """
    from pyspark.sql.functions import spark_partition_id

    spark.collected(session.range(FEWEST).groupBy().count())  # so that executors are there
    cores = session.range(ASKED).select(spark_partition_id()).distinct().groupBy().count()
    ((slots,),) = spark.collected(cores)
    asked = max(slots, FEWEST)
    try:
        told = session.range(0, asked, 1, asked).mapInArrow(worker.tells, worker.TOLD).collect()
    except Exception as error:
        raise problems.failed(error) from error
    for theirs, host, *_ in told:
        if worker.compared(theirs) != worker.compared(worker.runs()):
            raise problems.differing(theirs, host)
    hosts = Counter(host for _, host, *_ in told)
    found = [
        size // (1 if own else -(-slots * hosts[host] // asked)) for _, host, size, own in told
    ]
    return max(int(min([*found, *_containers(session)])) - CODE, 0)


def _containers(session: SparkSession) -> list[int]:
    """What a container leaves to each Python beside Java, where executors are in some.

    Its manager ends who takes more, and no other process sees that limit.
    """
    said = session.conf.get
    name = OVERHEAD.get((said("spark.master", "") or "").partition(":")[0])
    if name is None:
        return []
    factor = float(said("spark.executor.memoryOverheadFactor", said(name, "0.1")))
    java = _bytes(said("spark.executor.memory", "1g"))
    least = _bytes(said("spark.executor.minMemoryOverhead", "384m"))
    stated = said("spark.executor.memoryOverhead", "")
    beside = _bytes(stated) if stated else max(int(java * factor), least)
    return [beside // int(said("spark.executor.cores", "1"))]


def _bytes(size: str) -> int:
    """A size as Spark takes it, where no unit means MiB."""
    text = size.strip().lower().removesuffix("b").removesuffix("i")
    number, unit = (text[:-1], text[-1]) if text[-1:].isalpha() else (text, "m")
    return int(float(number) * MIB * {"k": 1 / 1024, "m": 1, "g": 1024, "t": 1024**2}[unit])
