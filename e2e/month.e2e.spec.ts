import { tellMonth } from './month/tell-month.js';

// The short form: at 95 % a tactic is outside in two of five seeds once in 44 times, so that four have to cover.
tellMonth({ seeds: 5, covered: 4 });
