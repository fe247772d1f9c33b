"""Incidents: alerts grouped for people, and the orders to notify them."""

from alerting.config import IncidentConfig, RouteConfig
from alerting.incidents.fold import Incidents, build
from alerting.incidents.state import IncidentsState

__all__ = ["IncidentConfig", "Incidents", "IncidentsState", "RouteConfig", "build"]
