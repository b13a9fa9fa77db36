"""Routes: with app.py the only code that imports chalice."""
