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
  { path: '/desk', title: '坐席工作台', roles: ['agent', 'shift_leader'], load: () => import('../desk/DeskPage.vue') },
  {
    path: '/voicemails',
    rest: '/:caseNo?',
    title: '夜间留言',
    roles: ['reviewer', 'agent', 'shift_leader', 'admin'],
    load: () => import('../voicemails/NightPage.vue'),
  },
  {
    path: '/dispatch',
    rest: '/:caseNo?',
    title: '派单督办',
    roles: ['dispatcher', 'supervisor', 'shift_leader', 'leader'],
    load: () => import('../casework/DispatchPage.vue'),
  },
  {
    path: '/callback-list',
    rest: '/:caseNo?',
    title: '回访',
    roles: ['callback'],
    load: () => import('../casework/CallbackPage.vue'),
  },
  {
    path: '/orders',
    rest: '/:caseNo?',
    title: '我的工单',
    roles: ['liaison', 'deputy'],
    load: () => import('../casework/OrdersPage.vue'),
  },
  {
    path: '/cases',
    rest: '/:caseNo?',
    title: '案件',
    roles: [
      'agent', 'shift_leader', 'operator', 'reviewer', 'dispatcher', 'supervisor', 'callback', 'liaison', 'deputy', 'leader', 'bureau', 'admin',
    ],
    load: () => import('../casework/CasesPage.vue'),
  },
  {
    path: '/admin',
    rest: '/:section?',
    title: '管理',
    roles: ['admin', 'shift_leader'],
    load: () => import('../admin/AdminPage.vue'),
  },
]

/** Everybody's own; behind the name in the header. */
const ACCOUNT = { path: '/account', component: () => import('../session/AccountPage.vue') }

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
    ACCOUNT,
    { path: '/:unknown(.*)*', name: 'home', component: () => import('./HomePage.vue') },
  ],
})
