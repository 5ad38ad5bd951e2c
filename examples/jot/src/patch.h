#ifndef JOT_PATCH_H
#define JOT_PATCH_H

#include "arena.h"
#include "value.h"

/* patch_apply returns target changed by a merge patch (RFC 7396). Neither argument changes. */
value *patch_apply(arena *a, const value *target, const value *patch);

/* patch_diff returns a merge patch that makes to out of from, or NULL where none can: a merge patch cannot set a member to null. */
value *patch_diff(arena *a, const value *from, const value *to);

#endif
