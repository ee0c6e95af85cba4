// @ts-check
/** `node --import …/register.js --test`: lets modules of a plugin import `exact/sdk` where there is no browser. */

import { register } from 'node:module';

register('./resolve.js', import.meta.url);
