"""What a person types: flags to spec to one call. The only place that imports click."""
