# SPDX-License-Identifier: GPL-2.0
"""What is promised of the built objects, from their disassembly."""
