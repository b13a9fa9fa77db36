"""Telling the patient that an exam has arrived."""
