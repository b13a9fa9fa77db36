"""Rules of the DICOM standard, pure: no network, no cloud, no framework."""
