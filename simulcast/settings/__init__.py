"""The settings of every program, one module for each: read once from the environment, then passed down."""
