# What only the log says, counted. Patterns are PostgreSQL 18's own words; a test finds them in what a server writes.
# "to prevent wraparound" is not among them: that is autovacuum at its normal work.

locals {
  log_patterns = {
    Deadlock          = "\"deadlock detected\""
    FatalError        = "\"FATAL:\" -\"terminating connection due to administrator command\" -\"the database system is\""
    RefusedConnection = "?\"remaining connection slots are reserved\" ?\"sorry, too many clients already\""
    WraparoundWarning = "?\"must be vacuumed within\" ?\"must be vacuumed before\" ?\"wraparound data loss\""
  }

  log_filters = merge([
    for identifier, group in var.log_groups : {
      for metric, pattern in local.log_patterns : "${identifier}/${metric}" => { group = group, pattern = pattern }
    }
  ]...)
}

resource "aws_cloudwatch_log_metric_filter" "main" {
  for_each = local.log_filters

  name           = each.key
  log_group_name = each.value.group
  pattern        = each.value.pattern

  metric_transformation {
    namespace     = local.logs_namespace
    name          = each.key
    value         = "1"
    default_value = "0"
  }
}
