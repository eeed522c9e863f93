# What RDS itself reports, as data: failovers, failures, maintenance, changed settings. The categories of instances and
# clusters differ, and RDS refuses one that its source does not have.
#
# "low storage" does not page: RDS says so before every growth of the disk, too. The alarm storage-low does.
# Left out: backup, creation (the daily routine), global-failover and serverless (not in this stack).

locals {
  event_table = {
    instances-page = {
      severity   = "page", source_type = "db-instance", engines = ["rds", "aurora"], source_ids = keys(var.instances)
      categories = ["failover", "failure"]
    }
    instances = {
      severity   = "notify", source_type = "db-instance", engines = ["rds", "aurora"], source_ids = keys(var.instances)
      categories = ["availability", "configuration change", "deletion", "failure", "low storage", "maintenance", "notification", "read replica", "recovery", "restoration", "security patching"]
    }
    cluster-page = {
      severity   = "page", source_type = "db-cluster", engines = ["aurora"], source_ids = var.cluster[*]
      categories = ["failover", "failure"]
    }
    cluster = {
      severity   = "notify", source_type = "db-cluster", engines = ["aurora"], source_ids = var.cluster[*]
      categories = ["configuration change", "deletion", "failure", "maintenance", "notification"]
    }
    parameters = {
      severity   = "notify", source_type = "db-parameter-group", engines = ["rds", "aurora"], source_ids = var.parameter_groups
      categories = ["configuration change"]
    }
    # Nobody has these groups any more; AWS's Foundational Security Best Practices (RDS.22) ask for it all the same.
    security-groups = {
      severity   = "notify", source_type = "db-security-group", engines = ["rds", "aurora"], source_ids = []
      categories = ["configuration change", "failure"]
    }
  }
}

resource "aws_db_event_subscription" "main" {
  for_each = { for key, row in local.event_table : key => row if contains(row.engines, var.engine) }

  name             = "${var.name}-${each.key}"
  sns_topic        = aws_sns_topic.main[each.value.severity].arn
  source_type      = each.value.source_type
  source_ids       = length(each.value.source_ids) > 0 ? each.value.source_ids : null
  event_categories = each.value.categories
  enabled          = var.actions_enabled

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })

  depends_on = [aws_sns_topic_policy.main] # RDS tries the topic when the subscription is made
}
