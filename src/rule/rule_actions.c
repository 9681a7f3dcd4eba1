/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The actions of rooms above: flow, raise, signal. Until a room adds its row, a pack that uses it is refused.
 */
#include "rule/rule.h"

const RuleAction *const rule_actions[] = {NULL};
