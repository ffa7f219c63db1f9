import { tellMonth } from './month/tell-month.js';

tellMonth({ seeds: 20, covered: 18 });
