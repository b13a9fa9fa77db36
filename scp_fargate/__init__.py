"""The ingest container: DICOM SCP."""
