"""GET /api/v1/incidents and /api/v1/incidents/{id}."""

from typing import Annotated, Literal

from litestar import get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, PathParameter
from msgspec import Struct

from console.api import ask
from console.ports import Reader
from console.problem import READING, described
from domain.incident import Incident, IncidentStatus

OfStatus = FromQuery[IncidentStatus | Literal[""]]
IncidentId = Annotated[str, PathParameter(max_length=64, description="The incident's id, 32 hexadecimal characters.")]


class Incidents(Struct, frozen=True, kw_only=True):
    """A page of incidents, latest update first."""

    incidents: list[Incident]
    limit: int
    offset: int


def handlers(reader: Reader) -> list[HTTPRouteHandler]:
    """Routes that read incidents."""

    @get(
        "/api/v1/incidents",
        sync_to_thread=True,
        before_request=ask.only("brand", "status", "limit", "offset"),
        summary="List incidents",
        operation_id="incidents",
        responses=READING,
    )
    def incidents(
        brand: ask.Brand = "", status: OfStatus = "", limit: ask.Limit = 50, offset: ask.Offset = 0
    ) -> Incidents:
        found = reader.incidents(brand=brand, status=status, limit=limit, offset=offset)
        return Incidents(incidents=found, limit=limit, offset=offset)

    @get(
        "/api/v1/incidents/{incident_id:str}",
        sync_to_thread=True,
        summary="One incident with its alerts, evidence and timeline",
        operation_id="incident",
        responses={**READING, **described({404: "There is no such incident."})},
    )
    def incident(incident_id: IncidentId) -> Incident:
        found = reader.incident(incident_id)
        if found is None:
            raise NotFoundException("There is no incident with this id.")
        return found

    return [incidents, incident]
