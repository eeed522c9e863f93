# Thresholds follow from class and disk. The whole AWS is a mock: nothing here asks anybody.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:123456789012:shop-test-page" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-1111-1111-1111-111111111111" }
  }
}

variables {
  name      = "shop-test"
  engine    = "rds"
  region    = "eu-west-1"
  instances = { shop-test = { role = "primary", class = "db.t4g.medium", allocated_gib = 20, max_gib = 100 } }
}

run "db_t4g_medium_and_db_r7g_2xlarge_differ_as_the_table_says" {
  command = plan

  variables {
    instances = {
      shop-test   = { role = "primary", class = "db.t4g.medium", allocated_gib = 20, max_gib = 100 }
      shop-test-2 = { role = "primary", class = "db.r7g.2xlarge", allocated_gib = 400, max_gib = 2000 }
    }
  }

  assert {
    condition     = { for name in ["shop-test", "shop-test-2"] : name => aws_cloudwatch_metric_alarm.main["${name}/memory-exhausted"].threshold } == { shop-test = 0.05 * 4 * 1073741824, shop-test-2 = 0.05 * 64 * 1073741824 }
    error_message = "4 and 64 GiB."
  }

  assert {
    condition     = { for name in ["shop-test", "shop-test-2"] : name => aws_cloudwatch_metric_alarm.main["${name}/load-above-vcpus"].threshold } == { shop-test = 2, shop-test-2 = 8 }
    error_message = "2 and 8 vCPUs."
  }

  assert {
    condition     = { for name in ["shop-test", "shop-test-2"] : name => aws_cloudwatch_metric_alarm.main["${name}/connections-near-limit"].threshold } == { shop-test = 0.9 * 400, shop-test-2 = 0.9 * 5000 }
    error_message = "4 GiB make about 400 connections; 5000 are RDS's own limit."
  }

  assert {
    condition     = { for name in ["shop-test", "shop-test-2"] : name => aws_cloudwatch_metric_alarm.main["${name}/slot-lag"].threshold } == { shop-test = 2 * 1073741824, shop-test-2 = 40 * 1073741824 }
    error_message = "A tenth of each disk."
  }

  assert {
    condition     = contains(keys(aws_cloudwatch_metric_alarm.main), "shop-test/cpu-credits-low") && !contains(keys(aws_cloudwatch_metric_alarm.main), "shop-test-2/cpu-credits-low")
    error_message = "Only a burstable class has CPU credits."
  }

  assert {
    condition     = contains(keys(aws_cloudwatch_metric_alarm.main), "shop-test/disk-io-credits-low")
    error_message = "A small class has disk credits."
  }
}

run "a_stack_with_fifteen_replicas_shows_every_alarm" {
  command = plan

  variables {
    instances = merge(
      { shop-test = { role = "primary", class = "db.t4g.medium", allocated_gib = 20 } },
      { for number in range(15) : "shop-test-${number}" => { role = "replica", class = "db.t4g.medium", allocated_gib = 20 } },
    )
  }

  assert {
    condition     = sum([for widget in local.dashboard.widgets : length(widget.properties.alarms) if widget.type == "alarm"]) == length(aws_cloudwatch_metric_alarm.main)
    error_message = "Every alarm stands in a widget."
  }

  assert {
    condition     = max([for widget in local.dashboard.widgets : length(widget.properties.alarms) if widget.type == "alarm"]...) <= 100
    error_message = "CloudWatch takes a hundred alarms in a widget."
  }
}

run "a_large_class_has_no_disk_credits" {
  command = plan

  variables {
    instances = { shop-test = { role = "primary", class = "db.r8g.12xlarge", allocated_gib = 400, max_gib = 400 } }
  }

  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.main), "shop-test/disk-io-credits-low")
    error_message = "From 8xlarge on an instance has its full EBS bandwidth always."
  }
}

run "storage_alarm_below_the_trigger_of_autoscaling" {
  command = plan

  assert {
    condition     = aws_cloudwatch_metric_alarm.main["shop-test/storage-low"].threshold == 0.05 * 20 * 1073741824 && aws_cloudwatch_metric_alarm.main["shop-test/storage-low"].threshold < 0.10 * 20 * 1073741824
    error_message = "RDS grows a disk with less than a tenth free; the alarm is for when it did not."
  }
}

run "storage_alarm_without_autoscaling" {
  command = plan

  variables {
    instances = {
      shop-test   = { role = "primary", class = "db.t4g.medium", allocated_gib = 20 }
      shop-test-2 = { role = "replica", class = "db.t4g.medium", allocated_gib = 20, max_gib = 20 }
    }
  }

  assert {
    condition     = alltrue([for name in ["shop-test", "shop-test-2"] : aws_cloudwatch_metric_alarm.main["${name}/storage-low"].threshold == 0.10 * 20 * 1073741824])
    error_message = "Nobody grows the disk: the alarm rings at a tenth."
  }
}

run "each_replica_by_its_own_class" {
  command = plan

  variables {
    instances = {
      shop-test       = { role = "primary", class = "db.r8g.large", allocated_gib = 100, max_gib = 500 }
      shop-test-small = { role = "replica", class = "db.t4g.small", allocated_gib = 100, max_gib = 500 }
    }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.main["shop-test/memory-low"].threshold == 0.15 * 16 * 1073741824 && aws_cloudwatch_metric_alarm.main["shop-test-small/memory-low"].threshold == 0.15 * 2 * 1073741824
    error_message = "16 and 2 GiB."
  }

  assert {
    condition     = contains(keys(aws_cloudwatch_metric_alarm.main), "shop-test-small/replica-lag") && !contains(keys(aws_cloudwatch_metric_alarm.main), "shop-test/replica-lag") && !contains(keys(aws_cloudwatch_metric_alarm.main), "shop-test-small/slot-lag")
    error_message = "Lag is a replica's, slots are the primary's."
  }
}

run "max_connections_set_by_hand" {
  command = plan

  variables {
    instances = { shop-test = { role = "primary", class = "db.t4g.medium", allocated_gib = 20, max_connections = 100 } }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.main["shop-test/connections-near-limit"].threshold == 90
    error_message = "What is set counts, not the formula."
  }
}

run "db_serverless_by_its_maximum" {
  command = plan

  variables {
    engine     = "aurora"
    cluster    = "shop-test"
    serverless = { min_acu = 1, max_acu = 16 }
    instances  = { shop-test-first = { role = "member", class = "db.serverless" } }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.main["shop-test-first/memory-exhausted"].threshold == 0.05 * 32 * 1073741824 && aws_cloudwatch_metric_alarm.main["shop-test-first/load-above-vcpus"].threshold == 4
    error_message = "16 ACUs are 32 GiB and 4 vCPUs."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.main["shop-test-first/connections-near-limit"].threshold > 0.89 * 3360 && aws_cloudwatch_metric_alarm.main["shop-test-first/connections-near-limit"].threshold <= 0.9 * 3360
    error_message = "AWS documents 3360 connections for 16 ACUs."
  }

  assert {
    condition     = contains(keys(aws_cloudwatch_metric_alarm.main), "shop-test-first/capacity-at-maximum") && !contains(keys(aws_cloudwatch_metric_alarm.main), "shop-test-first/local-storage-low")
    error_message = "Serverless has a capacity, and reports no local storage."
  }
}

run "db_serverless_that_scales_to_half_an_acu" {
  command = plan

  variables {
    engine     = "aurora"
    cluster    = "shop-test"
    serverless = { min_acu = 0.5, max_acu = 16 }
    instances  = { shop-test-first = { role = "member", class = "db.serverless" } }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.main["shop-test-first/connections-near-limit"].threshold == 0.9 * 2000
    error_message = "Aurora caps max_connections at 2000 where the minimum is 0 or 0.5 ACUs."
  }
}

run "max_connections_that_aws_publishes_for_serverless" {
  command = plan

  variables {
    engine     = "aurora"
    cluster    = "shop-test"
    serverless = { min_acu = 1, max_acu = 4 }
    instances  = { shop-test-first = { role = "member", class = "db.serverless" } }
  }

  # 1, 8 and 16 ACUs have the memory of these classes.
  assert {
    condition = alltrue([for published in [["db.t4g.small", 189], ["db.t4g.xlarge", 1669], ["db.t4g.2xlarge", 3360], ["db.serverless", 823]] :
    output.instance_classes[published[0]].max_connections <= published[1] && output.instance_classes[published[0]].max_connections >= 0.99 * published[1]])
    error_message = "Derived connections stay within one in a hundred below what AWS publishes for that memory."
  }
}

run "a_class_of_ones_own" {
  command = plan

  variables {
    classes   = { "db.r99.large" = { vcpu = 2, memory_gib = 20 } }
    instances = { shop-test = { role = "primary", class = "db.r99.large", allocated_gib = 20 } }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.main["shop-test/memory-exhausted"].threshold == 0.05 * 20 * 1073741824
    error_message = "What is handed in counts."
  }
}

# --- Refused ------------------------------------------------------------------------------------------------------------

run "a_class_that_nobody_knows" {
  command = plan

  variables {
    instances = { shop-test = { role = "primary", class = "db.r99.large", allocated_gib = 20 } }
  }

  expect_failures = [terraform_data.guards]
}

run "serverless_without_its_range" {
  command = plan

  variables {
    engine    = "aurora"
    cluster   = "shop-test"
    instances = { shop-test-first = { role = "member", class = "db.serverless" } }
  }

  expect_failures = [terraform_data.guards]
}

run "rds_without_its_disk" {
  command = plan

  variables {
    instances = { shop-test = { role = "primary", class = "db.t4g.medium" } }
  }

  expect_failures = [terraform_data.guards]
}

run "aurora_without_its_cluster" {
  command = plan

  variables {
    engine    = "aurora"
    instances = { shop-test-first = { role = "member", class = "db.r8g.large" } }
  }

  expect_failures = [terraform_data.guards]
}

run "an_unknown_role" {
  command = plan

  variables {
    instances = { shop-test = { role = "master", class = "db.t4g.medium", allocated_gib = 20 } }
  }

  expect_failures = [var.instances]
}

run "subscribers_over_http" {
  command = plan

  variables {
    subscribers = { page = { pager = { protocol = "http", endpoint = "http://example.com" } } }
  }

  expect_failures = [var.subscribers]
}
