"""Front-ends with very many channels, views and clients."""
