"""Names of spans, metrics and attributes, in one place. They follow the OpenTelemetry semantic conventions.

Spans: `<METHOD> <route>` for a request, `<METHOD>` where no route matched; `<type> process` for a message and
`<stream> receive` for a batch; `<verb> <noun>` for the rest (`send mail`, `deliver webhook`).
"""

HTTP_SERVER_DURATION = "http.server.request.duration"
HTTP_SERVER_ACTIVE = "http.server.active_requests"

HTTP_METHOD = "http.request.method"
HTTP_STATUS = "http.response.status_code"
HTTP_ROUTE = "http.route"
URL_PATH = "url.path"
ERROR_TYPE = "error.type"
TENANT_ID = "tenantry.tenant_id"

KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
