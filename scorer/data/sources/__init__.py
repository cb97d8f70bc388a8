"""Sources of raw data: tables of prices and other fields, their actions, and the panel made of them."""
