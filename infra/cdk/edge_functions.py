"""CloudFront Functions (JavaScript runtime 2.0): what the edge does to a request before its origin sees it.

`localstack/edge_api.py`, `localstack/edge_ingest.py` and `localstack/edge_site.py` do the same for the local platform;
tests/infra runs both on the same requests.
"""

from __future__ import annotations

COOKIE_TO_AUTHORIZATION = """
function handler(event) {
  var request = event.request;
  var cookie = request.cookies['__Host-sansfilm'];
  var safe = request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS';
  if (!request.headers.authorization && cookie && cookie.value) {
    var site = request.headers['sec-fetch-site'];
    if (!safe && !(site && site.value === 'same-origin')) {
      return {
        statusCode: 403,
        statusDescription: 'Forbidden',
        headers: {'content-type': {value: 'application/problem+json'}},
        body: '{"type":"about:blank","status":403,"detail":"A session cookie is only accepted from the portal itself."}'
      };
    }
    request.headers.authorization = {value: 'Bearer ' + cookie.value};
    delete request.cookies['__Host-sansfilm'];
  }
  request.headers['x-viewer-address'] = {value: event.viewer.ip};
  if (!request.headers.accept) request.headers.accept = {value: '*/*'};
  return request;
}
"""

INGEST_ORIGIN = "Ingest"

API_OR_INGEST = (
    "import cf from 'cloudfront';"
    + COOKIE_TO_AUTHORIZATION.replace("function handler", "function authorize")
    + f"""
function handler(event) {{
  var result = authorize(event);
  // A behaviour is chosen by path alone; the Store transaction has the path of searches and a method of its own.
  var store = /^\\/dicomweb\\/studies(\\/[^\\/]*)?\\/?$/;
  var selfTest = /^\\/api\\/hospitals\\/[^\\/]+\\/application-entities\\/[^\\/]+\\/echo$/;
  if (!result.statusCode && result.method === 'POST' && (store.test(result.uri) || selfTest.test(result.uri))) {{
    cf.selectRequestOriginById('{INGEST_ORIGIN}');
  }}
  return result;
}}
"""
)

STRIP_OBJECTS_PREFIX = """
function handler(event) {
  event.request.uri = event.request.uri.replace(/^\\/objects\\//, '/');
  return event.request;
}
"""

APPLICATION_PATHS = """
function handler(event) {
  var request = event.request;
  var last = request.uri.substring(request.uri.lastIndexOf('/') + 1);
  // A file has an extension that begins with a letter; what ends in a UID is a page of an application.
  if (!/\\.[A-Za-z][A-Za-z0-9]*$/.test(last)) {
    request.uri = request.uri === '/ohif' || request.uri.indexOf('/ohif/') === 0 ? '/ohif/index.html' : '/index.html';
  }
  return request;
}
"""
