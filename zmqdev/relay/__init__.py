"""The data path: one C file, its Python twin, one contract for both."""
