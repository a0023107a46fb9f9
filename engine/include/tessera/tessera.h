// Everything a program that links the library needs.
#pragma once

#include "tessera/autograd.h"
#include "tessera/checkpoint.h"
#include "tessera/data.h"
#include "tessera/device.h"
#include "tessera/error.h"
#include "tessera/graph.h"
#include "tessera/initializers.h"
#include "tessera/layers.h"
#include "tessera/models.h"
#include "tessera/network.h"
#include "tessera/ops.h"
#include "tessera/params.h"
#include "tessera/plan.h"
#include "tessera/safetensors.h"
#include "tessera/spec.h"
#include "tessera/trainer.h"
