import type { Component } from 'vue'
import { createRouter, createWebHashHistory, type Router } from 'vue-router'
import type { Role, User } from '../session/session'

/** A screen of the console. Each is a chunk of its own, loaded when it is first opened. */
export interface Screen {
  /** In the address, after #. What follows it (/:caseNo) belongs to the screen. */
  path: string
  title: string
  roles: readonly Role[]
  load: () => Promise<{ default: Component }>
  /** Rest of the address, as vue-router writes it. */
  rest?: string
}

/** In the order of the navigation; whoever signs in begins with the first that is theirs. */
export const SCREENS: readonly Screen[] = [
  {
    path: '/voicemails',
    rest: '/:caseNo?',
    title: '夜间留言',
    roles: ['reviewer', 'agent', 'shift_leader', 'admin'],
    load: () => import('../voicemails/NightPage.vue'),
  },
  {
    path: '/leader',
    title: '市情一页',
    roles: ['leader', 'supervisor', 'dispatcher', 'shift_leader', 'admin'],
    load: () => import('../boards/LeaderPage.vue'),
  },
  {
    path: '/bureau',
    title: '监察考核',
    roles: ['bureau', 'leader', 'supervisor'],
    load: () => import('../boards/BureauPage.vue'),
  },
  {
    path: '/statistics',
    title: '统计',
    roles: ['leader', 'bureau', 'supervisor', 'dispatcher', 'shift_leader', 'admin', 'liaison', 'deputy'],
    load: () => import('../boards/StatisticsPage.vue'),
  },
  {
    path: '/wallboard',
    title: '话务大屏',
    roles: ['shift_leader', 'supervisor', 'dispatcher', 'leader', 'bureau', 'admin', 'agent', 'reviewer'],
    load: () => import('../boards/WallboardPage.vue'),
  },
]

/** The screens of a person. */
export function screensOf(user: User): readonly Screen[] {
  return SCREENS.filter((screen) => screen.roles.includes(user.role))
}

/** The addresses (#/voicemails/LYG...), so that a reload and a link come back to what was open. */
export const router: Router = createRouter({
  history: createWebHashHistory(),
  routes: [
    ...SCREENS.map((screen) => ({
      path: screen.path + (screen.rest ?? ''),
      name: screen.path,
      component: screen.load,
      meta: { screen },
    })),
    { path: '/:unknown(.*)*', name: 'home', component: () => import('./HomePage.vue') },
  ],
})
