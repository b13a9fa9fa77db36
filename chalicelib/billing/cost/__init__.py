"""What the archive costs and whom it is for: AWS's exports, allocation by our own meters, roll-ups, forecasts (D11)."""
