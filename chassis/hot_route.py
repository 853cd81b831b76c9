"""A route for an endpoint that is asked thousands of times a second: documented by FastAPI, answered in one step."""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from chassis.http import refuse_unknown_parameters
from chassis.request_frame import is_json


class HotRoute(APIRoute):
    """Its endpoint takes a body (one model) and what its guard answers, in this order, and answers a `Response`.

    Making one with anything else raises TypeError. The guard comes before the body is read.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        of_route = self.dependant
        if not (len(of_route.body_params) == len(of_route.dependencies) == 1):
            raise TypeError(f"{self.path}: a hot route takes one body and one guard")
        guard, model = of_route.dependencies[0], of_route.body_params[0].field_info.annotation
        admit = guard.call
        if admit is None or guard.dependencies or parameters_of(of_route) or parameters_of(guard):
            raise TypeError(
                f"{self.path}: a hot route and its guard read no parameters and depend on nothing"
            )
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"{self.path}: the body of a hot route is a model")

        async def answer(request: Request) -> Response:
            await refuse_unknown_parameters(request)
            admitted = await admit(request)
            found: Response = await self.endpoint(await body_of(request, model), admitted)
            return found

        return answer


def parameters_of(dependant: Dependant) -> list[Any]:
    """In the path, the query, headers and cookies."""
    return [
        *dependant.path_params, *dependant.query_params, *dependant.header_params, *dependant.cookie_params
    ]  # fmt: skip


async def body_of(request: Request, model: type[BaseModel]) -> BaseModel:
    """The body as FastAPI would have read it. Raises RequestValidationError."""
    body = await request.body()
    if not body:
        raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required"}])
    try:
        is_parsed = is_json(request.headers.get("content-type", ""))
        return model.model_validate(orjson.loads(body) if is_parsed else body, from_attributes=True)
    except ValidationError as error:
        raise RequestValidationError(
            [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]
        ) from error
