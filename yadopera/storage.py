"""Where static files go."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Names by content, in the imports of JavaScript modules too: after a release no page mixes
    new modules with old ones."""

    support_js_module_import_aggregation = True
