import { keepRenewing } from "../yadopera/renew.js";

keepRenewing("#changelist", 10_000);
