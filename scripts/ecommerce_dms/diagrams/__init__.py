"""Pictures of a database and of its architecture: read, laid out, and written as draw.io, SVG and Mermaid."""
