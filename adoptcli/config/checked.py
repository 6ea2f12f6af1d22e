"""A document against a model: every problem at once, or the model's object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from adoptcli.config import checks, wording
from adoptcli.config.document import Document
from adoptcli.config.problems import Problem, raise_all

M = TypeVar("M", bound=BaseModel)


def checked(document: Document, model: type[M], others: Iterable[Problem] = ()) -> M:
    """What a document says; `others` are problems that the model does not know of.

    Raises:
        ConfigProblem: With one line for each problem in the file.
    """
    found: M | None = None
    problems: list[Problem] = list(document.problems)
    known = {problem.path for problem in problems}
    more = [*checks.values(document, model), *others]
    try:
        found = model.model_validate(document.data)
    except ValidationError as error:
        more += wording.problems(error, document, model)
    problems += [problem for problem in more if problem.path not in known]
    raise_all(problems, document.name)
    assert found is not None
    return found
