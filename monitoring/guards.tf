# What fits only together with something else. Preconditions of a resource that makes nothing: reported with the plan,
# and never in the way of a destroy (docs/decisions/0010-guards-are-preconditions-of-one-resource.md).

locals {
  unknown_classes = distinct([for instance in values(var.instances) : instance.class if instance.class != "db.serverless" && !contains(keys(local.instance_classes), instance.class)])
  is_serverless   = contains([for instance in values(var.instances) : instance.class], "db.serverless")
}

resource "terraform_data" "guards" {
  lifecycle {
    precondition {
      condition     = length(local.unknown_classes) == 0
      error_message = "No vCPUs and memory are known of ${join(", ", local.unknown_classes)}, and thresholds follow from them. Add the class to monitoring/instance_classes.tf, or hand it in: classes = { \"${try(local.unknown_classes[0], "db.…")}\" = { vcpu = …, memory_gib = … } }."
    }

    precondition {
      condition     = local.is_serverless == (var.serverless != null)
      error_message = "instance class db.serverless and serverless belong together. Set both, with min_acu and max_acu, or neither."
    }

    precondition {
      condition     = var.engine != "rds" || alltrue([for instance in values(var.instances) : instance.role != "member" && instance.allocated_gib != null])
      error_message = "instances of engine rds need role primary or replica, and allocated_gib: thresholds for the disk follow from it."
    }

    precondition {
      condition     = var.engine != "aurora" || var.cluster != null && alltrue([for instance in values(var.instances) : instance.role == "member" && instance.allocated_gib == null])
      error_message = "engine aurora needs cluster, and instances with role member and without allocated_gib: the volume is the cluster's, and a failover changes who writes."
    }
  }
}
