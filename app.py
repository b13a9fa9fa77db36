"""The Chalice application: registers the blueprints, nothing else."""

from __future__ import annotations

from chalice.app import Chalice

from chalicelib.web import authorizer, middleware

app = Chalice(app_name="sansfilm")
app.api.binary_types = ["*/*"]  # bodies are always bytes; API Gateway would garble them otherwise
app.register_middleware(middleware.accept_anything, "http")
app.register_middleware(middleware.log_access, "http")

app.register_blueprint(authorizer.routes)
