"""Open311 GeoReport v2 (wiki.open311.org/GeoReport_v2): its bodies, as JSON and as XML.

The public facts of a case are its matter, region, unit, progress and times. Descriptions and addresses are citizens'
own words and are never shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from xml.etree import ElementTree

from fastapi import Response
from fastapi.responses import JSONResponse

from casebook.numbering import ZONE
from casebook.store.public import OVER, PublicCase
from casebook.suggest.catalogue import Catalogue, Matter

Format = Literal["json", "xml"]

DEMANDS = {
    "consult": "咨询",
    "help": "求助",
    "complaint": "投诉",
    "opinion": "意见",
    "suggestion": "建议",
}
"""Demands that can be opened and are shown. Who denounces or criticises whom is not for the public."""

_ITEMS = {
    "services": "service",
    "service_requests": "request",
    "errors": "error",
    "attributes": "attribute",
    "values": "value",
    "endpoints": "endpoint",
    "formats": "format",
}


class Open311Error(Exception):
    """A refusal in GeoReport's own form."""

    def __init__(self, status: int, description: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.headers = dict(headers or {})


def open_matters(catalogue: Catalogue) -> list[Matter]:
    """Matters that the hotline accepts."""
    return [one for one in catalogue.matters if one.accepted]


def service(matter: Matter) -> dict[str, Any]:
    """A service of the list."""
    return {
        "service_code": matter.code,
        "service_name": matter.name,
        "description": f"{matter.group}：{matter.name}",
        "metadata": True,
        "type": "realtime",
        "keywords": matter.name,
        "group": matter.group,
    }


def definition(matter: Matter) -> dict[str, Any]:
    """The attributes of a service: which kind of demand it is."""
    values = [{"key": key, "name": name} for key, name in DEMANDS.items()]
    attribute = {
        "variable": True,
        "code": "demand",
        "datatype": "singlevaluelist",
        "required": False,
        "datatype_description": "",
        "order": 1,
        "description": "诉求类型",
        "values": values,
    }
    return {"service_code": matter.code, "attributes": [attribute]}


def request(case: PublicCase, catalogue: Catalogue, words: Mapping[str, str], unit: str) -> dict[str, Any]:
    """A case. GeoReport knows open and closed alone; `status_notes` says more."""
    matter = catalogue.get(case.matter)
    return {
        "service_request_id": case.case_no,
        "status": "closed" if case.progress in OVER else "open",
        "status_notes": words[case.progress],
        "service_name": case.matter,
        "service_code": matter.code if matter else "",
        "description": "",
        "agency_responsible": unit,
        "service_notice": "",
        "requested_datetime": moment(case.received_at),
        "updated_datetime": moment(case.closed_at or case.received_at),
        "expected_datetime": moment(case.expected_at) if case.expected_at else None,
        "address": case.region,
        "address_id": None,
        "zipcode": None,
        "lat": None,
        "long": None,
        "media_url": None,
    }


def moment(at: datetime) -> str:
    """W3C's profile of ISO 8601, in the city's time."""
    return at.astimezone(ZONE).isoformat(timespec="seconds")


def answer(root: str, body: Any, kind: Format, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A body as the client wants it."""
    if kind == "json":
        return JSONResponse(body, status, headers=dict(headers or {}))
    content = ElementTree.tostring(_element(root, body), encoding="utf-8", xml_declaration=True)
    return Response(content, status, headers=dict(headers or {}), media_type="text/xml; charset=utf-8")


def refusal(error: Open311Error, kind: Format) -> Response:
    """A refusal: a list of one error."""
    body = [{"code": error.status, "description": str(error)}]
    return answer("errors", body, kind, error.status, error.headers)


def _element(name: str, value: Any) -> ElementTree.Element:
    element = ElementTree.Element(name)
    if isinstance(value, Mapping):
        element.extend(_element(key, inner) for key, inner in value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        element.extend(_element(_ITEMS[name], inner) for inner in value)
    elif value is not None:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        # XML 1.0 holds no control characters.
        element.text = "".join(letter for letter in text if letter >= " " or letter in "\t\n\r")
    return element
